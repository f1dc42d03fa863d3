"""The objective and its gradients by W, U, b, h0.

Written by symbackprop; needs only PyTorch.
"""

import torch

DTYPE = torch.float64

SHAPES = {
    "x": ("T", "N", "E"),
    "w": ("T", "N", "D"),
    "W": ("D", "E"),
    "U": ("D", "D"),
    "b": ("D",),
    "h0": ("N", "D"),
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


@torch.no_grad()
def loss_and_gradients(x, w, W, U, b, h0):
    """The objective, and its gradients by name.

    x   (T, N, E)  input
    w   (T, N, D)  input
    W   (D, E)     parameter
    U   (D, D)     parameter
    b   (D,)       parameter
    h0  (N, D)     parameter
    """
    _check_shapes(x=x, w=w, W=W, U=U, b=b, h0=h0)
    T, N, _ = x.shape
    _, _, D = w.shape

    # --- forward
    # h[t,n,d] = tanh(Σₑ x[t,n,e]·W[d,e] + Σₖ h[t−1,n,k]·U[d,k] + b[d]) with h[−1,n,d] = h0[n,d]
    for_h = x @ W.T + b
    h_ = torch.zeros((T + 2, N, D), dtype=DTYPE, device=x.device)
    h_[0] = h0
    for t in range(T):
        h_[t + 1] = torch.tanh(for_h[t] + h_[t] @ U.T)
    h = h_[1:T + 1]
    # L = Σ_{t,n,d} w[t,n,d]·h[t,n,d]²
    h_squared = h ** 2
    L = torch.sum(w * h_squared)

    # --- backward
    # ∂L/∂h[t,n,d] = Σₖ (∂L/∂h[t+1,n,k])·U[k,d]·(1 − h[t+1,n,k]²) + 2·w[t,n,d]·h[t,n,d]
    for_dh = 1.0 - h_[2:] ** 2
    for_dh_2 = 2.0 * h * w
    dh_ = torch.zeros((T + 1, N, D), dtype=DTYPE, device=x.device)
    for t in reversed(range(T)):
        dh_[t] = (dh_[t + 1] * for_dh[t]) @ U + for_dh_2[t]
    dh = dh_[:T]
    # ∂L/∂W[d,e] = Σₜₙ (∂L/∂h[t,n,d])·x[t,n,e]·(1 − h[t,n,d]²)
    t1 = dh * (1.0 - h_squared)
    dW = torch.einsum("tne,tnd->de", x, t1)
    # ∂L/∂U[d,k] = Σₜₙ (∂L/∂h[t,n,d])·h[t−1,n,k]·(1 − h[t,n,d]²)
    dU = torch.einsum("tnk,tnd->dk", h_[:T], t1)
    # ∂L/∂b[d] = Σₜₙ (∂L/∂h[t,n,d])·(1 − h[t,n,d]²)
    db = torch.sum(t1, dim=(0, 1))
    # ∂L/∂h0[n,d] = Σₖ (∂L/∂h[0,n,k])·U[k,d]·(1 − h[0,n,k]²)
    dh0 = (dh_[0] * (1.0 - h_[1] ** 2)) @ U

    return L, {"W": dW, "U": dU, "b": db, "h0": dh0}


@torch.no_grad()
def predict(x, W, U, b, h0):
    """The prediction.

    x   (T, N, E)  input
    W   (D, E)     parameter
    U   (D, D)     parameter
    b   (D,)       parameter
    h0  (N, D)     parameter
    """
    _check_shapes(x=x, W=W, U=U, b=b, h0=h0)
    T, N, _ = x.shape
    D, _ = W.shape

    # --- forward
    # h[t,n,d] = tanh(Σₑ x[t,n,e]·W[d,e] + Σₖ h[t−1,n,k]·U[d,k] + b[d]) with h[−1,n,d] = h0[n,d]
    for_h = x @ W.T + b
    h_ = torch.empty((T + 1, N, D), dtype=DTYPE, device=x.device)
    h_[0] = h0
    for t in range(T):
        h_[t + 1] = torch.tanh(for_h[t] + h_[t] @ U.T)
    h = h_[1:]

    return h
