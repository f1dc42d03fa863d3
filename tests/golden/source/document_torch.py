"""The objective and its gradients by W1, b1, W2, b2.

Written by symbackprop; needs only PyTorch.
"""

import torch

DTYPE = torch.float64

SHAPES = {
    "x": ("N", 10),
    "y": ("N", 1),
    "W1": (20, 10),
    "b1": (20,),
    "W2": (1, 20),
    "b2": (1,),
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
def loss_and_gradients(x, y, W1, b1, W2, b2):
    """The objective, and its gradients by name.

    x   (N, 10)   input
    y   (N, 1)    target
    W1  (20, 10)  parameter
    b1  (20,)     parameter
    W2  (1, 20)   parameter
    b2  (1,)      parameter
    """
    _check_shapes(x=x, y=y, W1=W1, b1=b1, W2=W2, b2=b2)
    N, _ = x.shape

    # --- forward
    # z1[n,j] = Σᵢ x[n,i]·W1[j,i] + b1[j]
    z1 = x @ W1.T + b1
    # a1[n,j] = relu(z1[n,j])
    a1 = torch.relu(z1)
    # z2[n,k] = Σⱼ a1[n,j]·W2[k,j] + b2[k]
    z2 = a1 @ W2.T + b2
    # L = 1/N · Σₙₖ (z2[n,k] − y[n,k])²
    z2_minus_y = z2 - y
    L = torch.sum(z2_minus_y ** 2) / N

    # --- backward
    # δ2[n,k] = ∂L/∂z2[n,k] = 2/N · (z2[n,k] − y[n,k])
    dz2 = 2.0 / N * z2_minus_y
    # δ1[n,j] = ∂L/∂z1[n,j] = (Σₖ δ2[n,k]·W2[k,j])·[z1[n,j] > 0]
    dz1 = torch.where(z1 > 0, dz2 @ W2, 0.0)
    # ∂L/∂W1[j,i] = Σₙ δ1[n,j]·x[n,i]
    dW1 = dz1.T @ x
    # ∂L/∂b1[j] = Σₙ δ1[n,j]
    db1 = torch.sum(dz1, dim=0)
    # ∂L/∂W2[k,j] = Σₙ δ2[n,k]·a1[n,j]
    dW2 = dz2.T @ a1
    # ∂L/∂b2[k] = Σₙ δ2[n,k]
    db2 = torch.sum(dz2, dim=0)

    return L, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


@torch.no_grad()
def predict(x, W1, b1, W2, b2):
    """The prediction.

    x   (N, 10)   input
    W1  (20, 10)  parameter
    b1  (20,)     parameter
    W2  (1, 20)   parameter
    b2  (1,)      parameter
    """
    _check_shapes(x=x, W1=W1, b1=b1, W2=W2, b2=b2)

    # --- forward
    # z1[n,j] = Σᵢ x[n,i]·W1[j,i] + b1[j]
    z1 = x @ W1.T + b1
    # a1[n,j] = relu(z1[n,j])
    a1 = torch.relu(z1)
    # z2[n,k] = Σⱼ a1[n,j]·W2[k,j] + b2[k]
    z2 = a1 @ W2.T + b2

    return z2
