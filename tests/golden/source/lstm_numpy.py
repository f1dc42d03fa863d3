"""The objective and its gradients by W, U, h0, c0.

Written by symbackprop; needs only NumPy.
"""

import numpy as np

DTYPE = np.float64

SHAPES = {
    "x": ("T", "N", "E"),
    "w": ("T", "N", "D"),
    "W": ("4*D", "E"),
    "U": ("4*D", "D"),
    "h0": ("N", "D"),
    "c0": ("N", "D"),
}


def _check_shapes(**arrays):
    """Raise ValueError where a shape does not fit SHAPES; a letter is any one size."""
    sizes = {}
    for name, array in arrays.items():
        shape, expected = tuple(array.shape), SHAPES[name]
        fits = len(shape) == len(expected) and all(
            extent == (sizes.setdefault(size, extent) if isinstance(size, str) else size)
            for extent, size in zip(shape, expected)
        )
        if not fits:
            raise ValueError(f"{name} has shape {shape}, expected {expected} with {sizes}")


def _sigmoid(u):
    # exp of a number that is never positive cannot overflow
    e = np.exp(-np.abs(u))
    return np.where(u >= 0, 1.0, e) / (1.0 + e)


def _check_extent(name, array, axis, extent):
    """Raise ValueError where an axis has not the size that other arrays make it have."""
    if array.shape[axis] != extent:
        shape, expected = tuple(array.shape), SHAPES[name]
        size = f"{expected[axis]} = {extent}"
        raise ValueError(f"{name} has shape {shape}, expected {expected} with {size}")


def loss_and_gradients(x, w, W, U, h0, c0):
    """The objective, and its gradients by name.

    x   (T, N, E)  input
    w   (T, N, D)  input
    W   (4*D, E)   parameter
    U   (4*D, D)   parameter
    h0  (N, D)     parameter
    c0  (N, D)     parameter
    """
    _check_shapes(x=x, w=w, W=W, U=U, h0=h0, c0=c0)
    T, N, _ = x.shape
    _, _, D = w.shape
    _check_extent("W", W, 0, 4 * D)
    _check_extent("U", U, 0, 4 * D)

    # --- forward
    # a, c, h, step by step
    for_a = x @ W.T
    a_ = np.zeros((T + 1, N, 4 * D), DTYPE)
    c_ = np.empty((T + 1, N, D), DTYPE)
    c_[0] = c0
    h_ = np.empty((T + 1, N, D), DTYPE)
    h_[0] = h0
    for t in range(T):
        # a[t,n,g] = Σₑ x[t,n,e]·W[g,e] + Σₖ h[t−1,n,k]·U[g,k]
        a_[t] = h_[t] @ U.T + for_a[t]
        # c[t,n,d] = tanh(a[t,n,d+2·D])·σ(Σ_g a[t,n,g]·[d = g]) + c[t−1,n,d]·σ(a[t,n,d+D]) with c[−1,n,d] = c0[n,d]
        c_[t + 1] = (
            c_[t] * _sigmoid(a_[t, :, D:2 * D])
            + _sigmoid(a_[t, :, :D]) * np.tanh(a_[t, :, 2 * D:3 * D])
        )
        # h[t,n,d] = σ(a[t,n,d+3·D])·tanh(c[t,n,d]) with h[−1,n,d] = h0[n,d]
        h_[t + 1] = _sigmoid(a_[t, :, 3 * D:]) * np.tanh(c_[t + 1])
    a = a_[:T]
    c = c_[1:]
    h = h_[1:]
    # L = Σ_{t,n,d} w[t,n,d]·h[t,n,d]²
    L = np.sum(w * h ** 2)

    # --- backward
    # dh, dc, da, step by step
    for_dh = 2.0 * h * w
    sigmoid_a_part_2 = _sigmoid(a[:, :, 3 * D:])
    for_dc = (1.0 - np.tanh(c) ** 2) * sigmoid_a_part_2
    sigmoid_a_part = _sigmoid(a_[1:, :, D:2 * D])
    sigmoid_a_part_3 = _sigmoid(a[:, :, :D])
    tanh_a_part = np.tanh(a[:, :, 2 * D:3 * D])
    for_da = (1.0 - sigmoid_a_part_3) * sigmoid_a_part_3 * tanh_a_part
    sigmoid_a_part_4 = _sigmoid(a[:, :, D:2 * D])
    for_da_2 = c_[:T] * (1.0 - sigmoid_a_part_4) * sigmoid_a_part_4
    for_da_3 = sigmoid_a_part_3 * (1.0 - tanh_a_part ** 2)
    for_da_4 = h * (1.0 - sigmoid_a_part_2)
    dh = np.empty((T, N, D), DTYPE)
    dc_ = np.zeros((T + 1, N, D), DTYPE)
    da_ = np.zeros((T + 1, N, 4 * D), DTYPE)
    for t in reversed(range(T)):
        # ∂L/∂h[t,n,d] = Σ_g (∂L/∂a[t+1,n,g])·U[g,d] + 2·w[t,n,d]·h[t,n,d]
        dh[t] = da_[t + 1] @ U + for_dh[t]
        # ∂L/∂c[t,n,d] = (∂L/∂c[t+1,n,d])·σ(a[t+1,n,d+D]) + (∂L/∂h[t,n,d])·σ(a[t,n,d+3·D])·(1 − tanh(c[t,n,d])²)
        dc_[t] = for_dc[t] * dh[t] + dc_[t + 1] * sigmoid_a_part[t]
        # ∂L/∂a[t,n,g] = (∂L/∂h[t,n,g−3·D])·h[t,n,g−3·D]·(1 − σ(a[t,n,g])) + (∂L/∂c[t,n,g−2·D])·σ(a[t,n,g−2·D])·(1 − tanh(a[t,n,g])²) + (∂L/∂c[t,n,g−D])·c[t−1,n,g−D]·σ(a[t,n,g])·(1 − σ(a[t,n,g])) + (∂L/∂c[t,n,g])·σ(a[t,n,g])·tanh(a[t,n,g+2·D])·(1 − σ(a[t,n,g]))
        da_[t] = np.concatenate(
            [for_da[t] * dc_[t], for_da_2[t] * dc_[t], for_da_3[t] * dc_[t], for_da_4[t] * dh[t]],
            axis=1,
        )
    dc = dc_[:T]
    da = da_[:T]
    # ∂L/∂W[g,e] = Σₜₙ (∂L/∂a[t,n,g])·x[t,n,e]
    dW = np.einsum("tng,tne->ge", da, x, optimize=True)
    # ∂L/∂U[g,k] = Σₜₙ (∂L/∂a[t,n,g])·h[t−1,n,k]
    dU = np.einsum("tng,tnk->gk", da, h_[:T], optimize=True)
    # ∂L/∂h0[n,d] = Σ_g (∂L/∂a[0,n,g])·U[g,d]
    dh0 = da_[0] @ U
    # ∂L/∂c0[n,d] = (∂L/∂c[0,n,d])·σ(a[0,n,d+D])
    dc0 = dc_[0] * _sigmoid(a_[0, :, D:2 * D])

    return L, {"W": dW, "U": dU, "h0": dh0, "c0": dc0}


def predict(x, W, U, h0, c0):
    """The prediction.

    x   (T, N, E)  input
    W   (4*D, E)   parameter
    U   (4*D, D)   parameter
    h0  (N, D)     parameter
    c0  (N, D)     parameter
    """
    _check_shapes(x=x, W=W, U=U, h0=h0, c0=c0)
    T, N, _ = x.shape
    _, D = U.shape
    _check_extent("W", W, 0, 4 * D)
    _check_extent("U", U, 0, 4 * D)

    # --- forward
    # a, c, h, step by step
    for_a = x @ W.T
    a = np.empty((T, N, 4 * D), DTYPE)
    c_ = np.empty((T + 1, N, D), DTYPE)
    c_[0] = c0
    h_ = np.empty((T + 1, N, D), DTYPE)
    h_[0] = h0
    for t in range(T):
        # a[t,n,g] = Σₑ x[t,n,e]·W[g,e] + Σₖ h[t−1,n,k]·U[g,k]
        a[t] = h_[t] @ U.T + for_a[t]
        # c[t,n,d] = tanh(a[t,n,d+2·D])·σ(Σ_g a[t,n,g]·[d = g]) + c[t−1,n,d]·σ(a[t,n,d+D]) with c[−1,n,d] = c0[n,d]
        c_[t + 1] = (
            c_[t] * _sigmoid(a[t, :, D:2 * D])
            + _sigmoid(a[t, :, :D]) * np.tanh(a[t, :, 2 * D:3 * D])
        )
        # h[t,n,d] = σ(a[t,n,d+3·D])·tanh(c[t,n,d]) with h[−1,n,d] = h0[n,d]
        h_[t + 1] = _sigmoid(a[t, :, 3 * D:]) * np.tanh(c_[t + 1])
    c = c_[1:]
    h = h_[1:]

    return h
