"""The objective and its gradients by W1, b1.

Written by symbackprop; needs only PyTorch.
"""

import torch

DTYPE = torch.float32

SHAPES = {
    "x": ("N", 7),
    "y": ("N",),
    "W1": (3, 7),
    "b1": (3,),
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
def loss_and_gradients(x, y, W1, b1):
    """The objective, and its gradients by name.

    x   (N, 7)  input
    y   (N,)    target: labels below 3
    W1  (3, 7)  parameter
    b1  (3,)    parameter
    """
    _check_shapes(x=x, y=y, W1=W1, b1=b1)
    N, _ = x.shape

    # --- forward
    # z1[n,j] = Σᵢ x[n,i]·W1[j,i] + b1[j]
    z1 = x @ W1.T + b1
    # p[n,j] = exp(z1[n,j])/(Σₘ exp(z1[n,m]))
    z1_max = torch.amax(z1, dim=1)
    exp_z1 = torch.exp(z1 - z1_max[:, None])
    sum_exp_z1 = torch.sum(exp_z1, dim=1)
    p = exp_z1 / sum_exp_z1[:, None]
    # L = −1/N · Σₙ log(p[n,y[n]])
    L = torch.sum(z1_max - z1[torch.arange(N, device=x.device), y] + torch.log(sum_exp_z1)) / N

    # --- backward
    # δ1[n,j] = ∂L/∂z1[n,j] = 1/N · (p[n,j] − [j = y[n]])
    dz1 = (p - (y[:, None] == torch.arange(3, device=x.device)).to(DTYPE)) / N
    # ∂L/∂W1[j,i] = Σₙ δ1[n,j]·x[n,i]
    dW1 = dz1.T @ x
    # ∂L/∂b1[j] = Σₙ δ1[n,j]
    db1 = torch.sum(dz1, dim=0)

    return L, {"W1": dW1, "b1": db1}


@torch.no_grad()
def predict(x, W1, b1):
    """The prediction.

    x   (N, 7)  input
    W1  (3, 7)  parameter
    b1  (3,)    parameter
    """
    _check_shapes(x=x, W1=W1, b1=b1)

    # --- forward
    # z1[n,j] = Σᵢ x[n,i]·W1[j,i] + b1[j]
    z1 = x @ W1.T + b1

    return z1
