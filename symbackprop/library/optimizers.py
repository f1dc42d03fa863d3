"""Optimizers: what a step does to a parameter, as equations with PyTorch's meaning.

Every optimizer writes its update once, for a parameter of any rank. Terms of options
that are off (no momentum, no weight decay) are not written at all.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import sympy as sp

from symbackprop.errors import OptionError
from symbackprop.language import Domain, System, Tensor
from symbackprop.library.records import (
    OURS,
    Record,
    Registry,
    require_choice,
    require_range,
)
from symbackprop.library.schedules import SCHEDULES, Constant, Schedule
from symbackprop.library.updates import Draft, Update, joint_system


@dataclass(frozen=True)
class Optimizer(Record):
    """How a parameter moves against its gradient.

    Parameters
    ----------
    lr
        The learning rate η, not negative.
    weight_decay
        λ, not negative: adds λθ to the gradient.
    schedule
        How the rate changes with the step.
    """

    lr: float = 1e-3
    weight_decay: float = field(default=0.0, kw_only=True)
    schedule: Schedule = field(default_factory=Constant, kw_only=True, metadata=OURS)

    def __post_init__(self) -> None:
        require_range(self, "lr", 0)
        require_range(self, "weight_decay", 0)
        if not isinstance(self.schedule, Schedule):
            raise OptionError(
                f"schedule={self.schedule!r} is not a schedule",
                where=type(self).__name__,
                remedy=f"use one of {', '.join(SCHEDULES)}",
            )

    def update(self, parameter: Tensor, gradient: Tensor) -> Update:
        """The equations of one step for one parameter.

        Parameters
        ----------
        parameter, gradient
            Tensors of one shape, of any rank.

        Raises
        ------
        ShapeError
            If the shapes differ.
        """
        draft = Draft(parameter, gradient)
        return draft.finish(self.step(draft))

    def system(self, parameter: Tensor, gradient: Tensor) -> System:
        """The same equations as a system of their own, without an objective."""
        return joint_system([self.update(parameter, gradient)])

    @abstractmethod
    def step(self, draft: Draft) -> sp.Expr:
        """Write the equations that come before; return the parameter's new value."""

    def rate(self, draft: Draft) -> sp.Expr:
        """η of this step: a hyperparameter, or what the schedule makes of one."""
        if isinstance(self.schedule, Constant):
            return draft.constant("eta", r"\eta", self.lr)
        initial = draft.constant("eta_0", r"\eta_0", self.lr)
        return draft.rate("eta", r"\eta", self.schedule.rate(initial, draft.t))

    def decay(self, draft: Draft) -> sp.Expr:
        """λ, the weight decay."""
        return draft.constant("weight_decay", r"\lambda", self.weight_decay)

    def descent(self, draft: Draft) -> sp.Expr:
        """The gradient, with the weight decay added to it."""
        if not self.weight_decay:
            return draft.gradient
        return draft.define("g", draft.gradient + self.decay(draft) * draft.theta)


#: Every optimizer by name; the command line and the tests run over it.
OPTIMIZERS: Registry[type[Optimizer]] = Registry("optimizer")


@OPTIMIZERS.add
@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: θ - ηg, g being averaged over the past with momentum.

    Parameters
    ----------
    momentum
        μ, not negative: the velocity is ``u = μu + (1 - τ)g``, and g itself at the
        first step.
    dampening
        τ, at most 1.
    nesterov
        Whether to descend along g + μu rather than u.
    """

    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "momentum", 0)
        require_range(self, "dampening", float("-inf"), 1)
        require_choice(self, "nesterov", (False, True))
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise OptionError(
                "nesterov needs a momentum, and no dampening",
                where=str(self),
                remedy="set momentum=0.9 and dampening=0",
            )

    def step(self, draft: Draft) -> sp.Expr:
        """θ - ηg, θ - ηu, or θ - η(g + μu)."""
        g = self.descent(draft)
        eta = self.rate(draft)
        if not self.momentum:
            return draft.theta - eta * g
        mu = draft.constant("mu", r"\mu", self.momentum)
        moved = mu * draft.state("u")
        if self.dampening:
            tau = draft.constant("tau", r"\tau", self.dampening)
            # Before the first step there is no velocity to dampen the gradient against.
            velocity = sp.Piecewise((moved + (1 - tau) * g, draft.t > 1), (g, True))
        else:
            velocity = moved + g
        u = draft.advance("u", velocity)
        return draft.theta - eta * (g + mu * u if self.nesterov else u)


@OPTIMIZERS.add
@dataclass(frozen=True)
class Adam(Optimizer):
    """Kingma & Ba (arXiv 1412.6980), algorithm 1; amsgrad is Reddi et al. (2018).

    Parameters
    ----------
    betas
        β₁ and β₂ in [0, 1): how much of the moments is kept.
    eps
        ε, added to the root of the corrected second moment.
    amsgrad
        Whether to divide by the largest second moment so far.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    amsgrad: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_betas(self, self.betas)
        require_range(self, "eps", 0)
        require_choice(self, "amsgrad", (False, True))

    def step(self, draft: Draft) -> sp.Expr:
        """θ - η·m̂/(√v̂ + ε)."""
        return self.moments(draft, self.descent(draft), draft.theta, self.rate(draft))

    def moments(self, draft: Draft, g: sp.Expr, theta: sp.Expr, eta: sp.Expr) -> sp.Expr:
        """Write the moments of `g`, corrected for starting at 0; the new value from `theta`."""
        beta_1 = draft.constant("beta_1", r"\beta_1", self.betas[0])
        beta_2 = draft.constant("beta_2", r"\beta_2", self.betas[1])
        epsilon = draft.constant("epsilon", r"\epsilon", self.eps)
        m = draft.advance("m", beta_1 * draft.state("m") + (1 - beta_1) * g)
        v_before = draft.state("v", domain=Domain.POSITIVE)
        v = draft.advance("v", beta_2 * v_before + (1 - beta_2) * g**2)
        if self.amsgrad:
            latex = r"\bar{v}"
            largest = draft.state("v_max", latex=latex, domain=Domain.POSITIVE)
            v = draft.advance("v_max", sp.Max(largest, v), latex)
        m_hat = draft.define("m_hat", m / (1 - beta_1**draft.t), r"\hat{m}")
        v_hat = draft.define("v_hat", v / (1 - beta_2**draft.t), r"\hat{v}")
        return theta - eta * m_hat / (sp.sqrt(v_hat) + epsilon)


@OPTIMIZERS.add
@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with the weight decay outside the moments (Loshchilov & Hutter, 1711.05101)."""

    weight_decay: float = field(default=1e-2, kw_only=True)

    def step(self, draft: Draft) -> sp.Expr:
        """(1 - ηλ)θ - η·m̂/(√v̂ + ε)."""
        eta = self.rate(draft)
        theta = draft.theta
        if self.weight_decay:
            theta = (1 - eta * self.decay(draft)) * theta
        return self.moments(draft, draft.gradient, theta, eta)


@OPTIMIZERS.add
@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Tieleman & Hinton (2012): the gradient over the root of its mean square.

    Parameters
    ----------
    alpha
        α in [0, 1]: how much of the mean square is kept.
    eps
        ε, added to the root.
    momentum
        μ, not negative.
    centered
        Whether to take the variance in place of the mean square.
    """

    lr: float = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = field(default=0.0, kw_only=True)
    centered: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "alpha", 0, 1)
        require_range(self, "eps", 0)
        require_range(self, "momentum", 0)
        require_choice(self, "centered", (False, True))

    def step(self, draft: Draft) -> sp.Expr:
        """θ - ηg/(√v + ε), or θ - ηu with momentum."""
        g = self.descent(draft)
        eta = self.rate(draft)
        alpha = draft.constant("alpha", r"\alpha", self.alpha)
        epsilon = draft.constant("epsilon", r"\epsilon", self.eps)
        v_before = draft.state("v", domain=Domain.POSITIVE)
        v = draft.advance("v", alpha * v_before + (1 - alpha) * g**2)
        if self.centered:
            v -= draft.advance("m", alpha * draft.state("m") + (1 - alpha) * g) ** 2
        direction = g / (sp.sqrt(v) + epsilon)
        if not self.momentum:
            return draft.theta - eta * direction
        mu = draft.constant("mu", r"\mu", self.momentum)
        u = draft.advance("u", mu * draft.state("u") + direction)
        return draft.theta - eta * u


@OPTIMIZERS.add
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Duchi et al. (2011): the gradient over the root of the sum of its squares.

    Parameters
    ----------
    lr_decay
        κ, not negative: step t has the rate η/(1 + κ(t - 1)).
    initial_accumulator_value
        What the sum starts from, not negative.
    eps
        ε, added to the root.
    """

    lr: float = 1e-2
    lr_decay: float = 0.0
    initial_accumulator_value: float = field(default=0.0, kw_only=True)
    eps: float = field(default=1e-10, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("lr_decay", "initial_accumulator_value", "eps"):
            require_range(self, name, 0)

    def step(self, draft: Draft) -> sp.Expr:
        """θ - ηg/((1 + κ(t - 1))(√s + ε))."""
        g = self.descent(draft)
        eta = self.rate(draft)
        if self.lr_decay:
            eta /= 1 + draft.constant("lr_decay", r"\kappa", self.lr_decay) * (draft.t - 1)
        start = self.initial_accumulator_value
        before = draft.state("s", initial=start, domain=Domain.POSITIVE)
        s = draft.advance("s", before + g**2)
        epsilon = draft.constant("epsilon", r"\epsilon", self.eps)
        return draft.theta - eta * g / (sp.sqrt(s) + epsilon)


def _require_betas(record: Record, betas: tuple[float, float]) -> None:
    valid = isinstance(betas, tuple | list) and len(betas) == 2
    if valid and all(isinstance(beta, int | float) and 0 <= beta < 1 for beta in betas):
        return
    raise OptionError(
        f"betas={betas!r} is not a pair of numbers in [0, 1)",
        where=type(record).__name__,
        remedy="use betas=(0.9, 0.999)",
    )
