"""One step of Adam on W1, b1.

Written by symbackprop; needs only PyTorch.
"""

import torch

DTYPE = torch.float64

SHAPES = {
    "x": ("N", 7),
    "y": ("N", 3),
    "W1": (3, 7),
    "b1": (3,),
    "m_W1": (3, 7),
    "v_W1": (3, 7),
    "m_b1": (3,),
    "v_b1": (3,),
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
def step(x, y, W1, b1, m_W1, v_W1, t, m_b1, v_b1, eta, beta_1, beta_2, epsilon):
    """The objective, and what one step makes of parameters and state.

    x        (N, 7)  input
    y        (N, 3)  target
    W1       (3, 7)  parameter
    b1       (3,)    parameter
    m_W1     (3, 7)  input
    v_W1     (3, 7)  input
    t        number  input
    m_b1     (3,)    input
    v_b1     (3,)    input
    eta      number  hyperparameter, usually 0.001
    beta_1   number  hyperparameter, usually 0.9
    beta_2   number  hyperparameter, usually 0.999
    epsilon  number  hyperparameter, usually 1e-08
    """
    _check_shapes(x=x, y=y, W1=W1, b1=b1, m_W1=m_W1, v_W1=v_W1, m_b1=m_b1, v_b1=v_b1)
    N, _ = x.shape

    # --- forward
    # z1[n,j] = Σᵢ x[n,i]·W1[j,i] + b1[j]
    z1 = x @ W1.T + b1
    # L = 1/(3·N) · Σₙⱼ (z1[n,j] − y[n,j])²
    z1_minus_y = z1 - y
    L = torch.sum(z1_minus_y ** 2) / (3.0 * N)

    # --- backward
    # δ1[n,j] = ∂L/∂z1[n,j] = 2/(3·N) · (z1[n,j] − y[n,j])
    dz1 = 2.0 / (3.0 * N) * z1_minus_y
    # ∂L/∂W1[j,i] = Σₙ δ1[n,j]·x[n,i]
    dW1 = dz1.T @ x
    # ∂L/∂b1[j] = Σₙ δ1[n,j]
    db1 = torch.sum(dz1, dim=0)

    # --- update
    # m_W1_next[j,i] = β₁·m_W1[j,i] + (1 − β₁)·(∂L/∂W1[j,i])
    m_W1_next = (1.0 - beta_1) * dW1 + beta_1 * m_W1
    # v_W1_next[j,i] = β₂·v_W1[j,i] + (1 − β₂)·(∂L/∂W1[j,i])²
    v_W1_next = (1.0 - beta_2) * dW1 ** 2 + beta_2 * v_W1
    # m_hat_W1[j,i] = m_W1_next[j,i]/(1 − β₁^t)
    t1 = 1.0 - beta_1 ** t
    m_hat_W1 = m_W1_next / t1
    # v_hat_W1[j,i] = v_W1_next[j,i]/(1 − β₂^t)
    t2 = 1.0 - beta_2 ** t
    v_hat_W1 = v_W1_next / t2
    # W1_next[j,i] = W1[j,i] − η·m_hat_W1[j,i]/(√v_hat_W1[j,i] + ε)
    W1_next = W1 - eta * m_hat_W1 / (torch.sqrt(v_hat_W1) + epsilon)
    # m_b1_next[j] = β₁·m_b1[j] + (1 − β₁)·(∂L/∂b1[j])
    m_b1_next = (1.0 - beta_1) * db1 + beta_1 * m_b1
    # v_b1_next[j] = β₂·v_b1[j] + (1 − β₂)·(∂L/∂b1[j])²
    v_b1_next = (1.0 - beta_2) * db1 ** 2 + beta_2 * v_b1
    # m_hat_b1[j] = m_b1_next[j]/(1 − β₁^t)
    m_hat_b1 = m_b1_next / t1
    # v_hat_b1[j] = v_b1_next[j]/(1 − β₂^t)
    v_hat_b1 = v_b1_next / t2
    # b1_next[j] = b1[j] − η·m_hat_b1[j]/(√v_hat_b1[j] + ε)
    b1_next = b1 - eta * m_hat_b1 / (torch.sqrt(v_hat_b1) + epsilon)

    return L, {
        "W1": W1_next, "b1": b1_next, "m_W1": m_W1_next, "v_W1": v_W1_next, "m_b1": m_b1_next,
        "v_b1": v_b1_next,
    }
