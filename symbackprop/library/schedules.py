"""Learning-rate schedules: the rate η as a formula in the optimizer's step t = 1, 2, ….

The formulas are closed ones; each equals PyTorch's scheduler of the same name, stepped
once after every optimizer step, so that PyTorch's own counter is t - 1.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import sympy as sp

from symbackprop.errors import OptionError
from symbackprop.library.records import (
    Record,
    Registry,
    exact,
    require_range,
    require_whole,
)


@dataclass(frozen=True)
class Schedule(Record):
    """How the learning rate changes with the step."""

    @abstractmethod
    def rate(self, initial: sp.Expr, t: sp.Expr) -> sp.Expr:
        """The rate of step `t`, counted from 1, when the first one is `initial`."""


#: Every schedule by name; the command line and the tests run over it.
SCHEDULES: Registry[type[Schedule]] = Registry("schedule")


@SCHEDULES.add
@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step."""

    def rate(self, initial: sp.Expr, t: sp.Expr) -> sp.Expr:
        """η₀."""
        return initial


@SCHEDULES.add
@dataclass(frozen=True)
class StepLR(Schedule):
    """η₀·gammaᵏ, k being how many times step_size steps are over."""

    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        require_whole(self, "step_size")
        require_range(self, "gamma", 0, without=[0])

    def rate(self, initial: sp.Expr, t: sp.Expr) -> sp.Expr:
        """η₀·gamma^⌊(t - 1)/step_size⌋."""
        # ⌊(t - ½)/step_size⌋ is the same for whole t, and its argument keeps away from
        # whole numbers, where rounding could fall on either side.
        periods = sp.floor((t - sp.Rational(1, 2)) / self.step_size)
        return initial * exact(self.gamma) ** periods


@SCHEDULES.add
@dataclass(frozen=True)
class ExponentialLR(Schedule):
    """η₀·gammaᵗ⁻¹."""

    gamma: float

    def __post_init__(self) -> None:
        require_range(self, "gamma", 0, without=[0])

    def rate(self, initial: sp.Expr, t: sp.Expr) -> sp.Expr:
        """η₀·gammaᵗ⁻¹."""
        return initial * exact(self.gamma) ** (t - 1)


@SCHEDULES.add
@dataclass(frozen=True)
class CosineAnnealingLR(Schedule):
    """From η₀ down to eta_min in T_max steps along a cosine, and up again after."""

    T_max: int
    eta_min: float = 0.0

    def __post_init__(self) -> None:
        require_whole(self, "T_max")
        require_range(self, "eta_min", 0)

    def rate(self, initial: sp.Expr, t: sp.Expr) -> sp.Expr:
        """η_min + (η₀ - η_min)·(1 + cos(π(t - 1)/T_max))/2."""
        low = exact(self.eta_min)
        return low + (initial - low) * (1 + sp.cos(sp.pi * (t - 1) / self.T_max)) / 2


@SCHEDULES.add
@dataclass(frozen=True)
class InverseTimeLR(Schedule):
    """η₀/(1 + decay·(t - 1)), the 1/t decay of stochastic approximation."""

    decay: float

    def __post_init__(self) -> None:
        require_range(self, "decay", 0)

    def rate(self, initial: sp.Expr, t: sp.Expr) -> sp.Expr:
        """η₀/(1 + decay·(t - 1))."""
        return initial / (1 + exact(self.decay) * (t - 1))


@SCHEDULES.add
@dataclass(frozen=True)
class LinearWarmup(Schedule):
    """η₀·t/steps during the first `steps` steps, then another schedule from its start.

    Parameters
    ----------
    steps
        How many steps it takes to reach η₀.
    then
        The schedule that follows; its first step is step ``steps + 1``. PyTorch writes
        this ``SequentialLR([LinearLR(1/steps, total_iters=steps-1), then], [steps])``.
    """

    steps: int
    then: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        require_whole(self, "steps")
        if not isinstance(self.then, Schedule):
            raise OptionError(
                f"then={self.then!r} is not a schedule",
                where="LinearWarmup",
                remedy=f"use one of {', '.join(SCHEDULES)}",
            )

    def rate(self, initial: sp.Expr, t: sp.Expr) -> sp.Expr:
        """η₀·t/steps for t ≤ steps, then the other schedule's rate of step t - steps."""
        # The maximum changes no value; it keeps the rate of a step that is not taken
        # from dividing by zero where a backend computes both branches.
        later = self.then.rate(initial, sp.Max(t - self.steps, 1))
        return sp.Piecewise((initial * t / self.steps, t <= self.steps), (later, True))
