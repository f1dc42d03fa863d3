"""The objective and its gradients by q, k, v.

Written by symbackprop; needs only PyTorch.
"""

import math

import torch

DTYPE = torch.float64

SHAPES = {
    "w": ("N", "T", "D"),
    "l": ("N",),
    "q": ("N", "T", "D"),
    "k": ("N", "T", "D"),
    "v": ("N", "T", "D"),
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
def loss_and_gradients(w, l, q, k, v):
    """The objective, and its gradients by name.

    w  (N, T, D)  input
    l  (N,)       input
    q  (N, T, D)  parameter
    k  (N, T, D)  parameter
    v  (N, T, D)  parameter
    """
    _check_shapes(w=w, l=l, q=q, k=k, v=v)
    _, T, D = w.shape

    # --- forward
    # S[n,t,s] = 1/√D · Σ_d q[n,t,d]·k[n,s,d]
    t1 = math.sqrt(D)
    S = (q @ k.permute(0, 2, 1)) / t1
    # M[n,t,s] = {S[n,t,s] if s < l[n], s ≤ t; −∞ otherwise}
    mask = (
        (l[:, None] > torch.arange(T, device=w.device))[:, None, :]
        & (torch.arange(T, device=w.device)[:, None] >= torch.arange(T, device=w.device))
    )
    M = torch.where(mask, S, -math.inf)
    # A[n,t,s] = exp(M[n,t,s])/(Σₘ exp(M[n,t,m]))
    exp_M = torch.exp(M - torch.amax(M, dim=2)[:, :, None])
    A = exp_M / torch.sum(exp_M, dim=2)[:, :, None]
    # y[n,t,d] = Σₛ A[n,t,s]·v[n,s,d]
    y = A @ v
    # L = Σ_{n,t,d} w[n,t,d]·y[n,t,d]²
    L = torch.sum(w * y ** 2)

    # --- backward
    # ∂L/∂y[n,t,d] = 2·w[n,t,d]·y[n,t,d]
    dy = 2.0 * w * y
    # ∂L/∂S[n,t,s] = A[n,t,s]·(Σ_d (∂L/∂y[n,t,d])·v[n,s,d] − Σ_d (∂L/∂y[n,t,d])·y[n,t,d])·[l[n] > s]·[s ≤ t]
    dS = torch.where(
        mask,
        A * (dy @ v.permute(0, 2, 1) - torch.sum(dy * y, dim=2)[:, :, None]),
        0.0,
    )
    # ∂L/∂q[n,t,d] = 1/√D · Σₛ (∂L/∂S[n,t,s])·k[n,s,d]
    dq = (dS @ k) / t1
    # ∂L/∂k[n,t,d] = 1/√D · Σₛ (∂L/∂S[n,s,t])·q[n,s,d]
    dk = (dS.permute(0, 2, 1) @ q) / t1
    # ∂L/∂v[n,t,d] = Σₛ (∂L/∂y[n,s,d])·A[n,s,t]
    dv = A.permute(0, 2, 1) @ dy

    return L, {"q": dq, "k": dk, "v": dv}


@torch.no_grad()
def predict(l, q, k, v):
    """The prediction.

    l  (N,)       input
    q  (N, T, D)  parameter
    k  (N, T, D)  parameter
    v  (N, T, D)  parameter
    """
    _check_shapes(l=l, q=q, k=k, v=v)
    _, T, D = q.shape

    # --- forward
    # S[n,t,s] = 1/√D · Σ_d q[n,t,d]·k[n,s,d]
    S = (q @ k.permute(0, 2, 1)) / math.sqrt(D)
    # M[n,t,s] = {S[n,t,s] if s < l[n], s ≤ t; −∞ otherwise}
    M = torch.where(
        (l[:, None] > torch.arange(T, device=l.device))[:, None, :] & (torch.arange(T, device=l.device)[:, None] >= torch.arange(T, device=l.device)),
        S,
        -math.inf,
    )
    # A[n,t,s] = exp(M[n,t,s])/(Σₘ exp(M[n,t,m]))
    exp_M = torch.exp(M - torch.amax(M, dim=2)[:, :, None])
    A = exp_M / torch.sum(exp_M, dim=2)[:, :, None]
    # y[n,t,d] = Σₛ A[n,t,s]·v[n,s,d]
    y = A @ v

    return y
