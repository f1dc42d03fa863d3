"""The front door: derive a system, then read, compile and check what came out.

>>> from symbackprop.library import Linear, MSELoss, ReLU, Sequential
>>> net = Sequential(Linear(10, 20), ReLU(), Linear(20, 1))
>>> d = derive(net.system(MSELoss()))
>>> print(d.gradients["W1"])
∂L/∂W1[j,i] = Σₙ δ1[n,j]·x[n,i]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from symbackprop.calculus import (
    Backward,
    Step,
    derive_backward,
    derive_hessian,
    derive_hvp,
    derive_jacobian,
    scalarised,
)
from symbackprop.compile import (
    BACKENDS,
    CompiledFunction,
    TrainingStep,
    compile_backward,
    compile_training_step,
)
from symbackprop.errors import EquationError
from symbackprop.language import Equation, System, Tensor
from symbackprop.library import Optimizer
from symbackprop.typeset import (
    Convention,
    Level,
    Notation,
    displayed_derivation,
    displayed_equations,
    json_derivation,
    latex_derivation,
    latex_equation,
    markdown_derivation,
    text_derivation,
    text_equation,
)
from symbackprop.verify import Report, sample_values, verify_backward


@dataclass(frozen=True)
class DerivedEquation(Equation):
    """An equation that knows its tensors, so that it can typeset itself."""

    tensors: Mapping[str, Tensor] = field(repr=False, compare=False, default_factory=dict)
    objective: str = field(repr=False, compare=False, default="L")

    def latex(self, notation: Notation = "index", convention: Convention = "row") -> str:
        """The equation in LaTeX; index notation where it has no matrix form."""
        return latex_equation(self, self.tensors, notation, convention, objective=self.objective)

    def _repr_latex_(self) -> str:
        return displayed_equations([self], self.tensors, self.objective)

    def __str__(self) -> str:
        return text_equation(self, self.tensors, objective=self.objective)


class Equations(Mapping[str, DerivedEquation]):
    """Derived equations by tensor name."""

    def __init__(self, equations: Mapping[str, Equation], backward: Backward) -> None:
        self._equations = equations
        self._backward = backward

    def __getitem__(self, name: str) -> DerivedEquation:
        equation = self._equations[name]
        return DerivedEquation(
            equation.lhs,
            equation.rhs,
            equation.base,
            self._backward.tensors,
            self._backward.of,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._equations)

    def __len__(self) -> int:
        return len(self._equations)

    def _repr_latex_(self) -> str:
        backward = self._backward
        return displayed_equations(self.values(), backward.tensors, backward.of)

    def __repr__(self) -> str:
        return "\n".join(str(equation) for equation in self.values())


class Derivation:
    """The gradients of one system, with every step that led to them.

    Attributes
    ----------
    backward
        The record that the calculus left.
    """

    def __init__(self, backward: Backward) -> None:
        self.backward = backward

    @property
    def system(self) -> System:
        """The forward equations."""
        return self.backward.system

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """All tensors by name, the adjoints (``dW1``) among them."""
        return self.backward.tensors

    @property
    def gradients(self) -> Equations:
        """By name of the tensor differentiated by: ``d.gradients["W1"]``."""
        return Equations(self.backward.gradients, self.backward)

    @property
    def adjoints(self) -> Equations:
        """The objective's derivative by each intermediate, from the objective backwards."""
        return Equations(self.backward.adjoints, self.backward)

    @property
    def steps(self) -> Sequence[Step]:
        """Every application of a rule, in order."""
        return self.backward.steps

    def latex(
        self,
        notation: Notation = "index",
        level: Level = "result",
        convention: Convention = "row",
    ) -> str:
        """The derivation as ``align*`` environments (amsmath, amssymb)."""
        return latex_derivation(self.backward, notation, level, convention)

    def text(
        self,
        notation: Notation = "index",
        level: Level = "result",
        convention: Convention = "row",
    ) -> str:
        """The derivation in Unicode, for a terminal."""
        return text_derivation(self.backward, notation, level, convention)

    def markdown(
        self,
        notation: Notation = "index",
        level: Level = "result",
        convention: Convention = "row",
    ) -> str:
        """The derivation in Markdown with LaTeX formulas, as GitHub renders it."""
        return markdown_derivation(self.backward, notation, level, convention)

    def json(self, language: str = "en") -> dict[str, Any]:
        """The derivation as plain data; see `symbackprop.typeset.json_page`."""
        return json_derivation(self.backward, language)

    def compile(
        self,
        backend: str = "numpy",
        *,
        dtype: Literal["float32", "float64"] = "float64",
        device: str = "cpu",
    ) -> CompiledFunction:
        """Compile objective and gradients into one function.

        Parameters
        ----------
        backend
            ``"numpy"`` or ``"torch"``.
        dtype
            The floating-point type of everything but labels.
        device
            ``"cpu"`` or ``"cuda"``; the latter with torch only.

        Returns
        -------
        CompiledFunction
            ``f(values) -> (loss, gradients)``, both keyed by name; ``f.source`` is
            the generated module.
        """
        return compile_backward(self.backward, backend, dtype=dtype, device=device)

    def training_step(
        self,
        optimizer: Optimizer,
        backend: str = "numpy",
        *,
        dtype: Literal["float32", "float64"] = "float64",
        device: str = "cpu",
    ) -> TrainingStep:
        """Compile forward pass, backward pass and the optimizer's update into one function.

        Returns
        -------
        TrainingStep
            ``step(values) -> (loss, changed)``: the new parameters and optimizer state by
            name; ``step.source`` is the generated module.
        """
        return compile_training_step(self.backward, optimizer, backend, dtype=dtype, device=device)

    def sample(
        self, *, seed: int = 0, sizes: Mapping[str, int] | None = None
    ) -> dict[str, np.ndarray]:
        """Draw numbers for everything that must be fed, such that the objective has a value.

        Parameters
        ----------
        seed
            Of the random numbers.
        sizes
            Numbers for some of the symbolic sizes; the others become small primes.

        Returns
        -------
        dict
            By name, what the compiled function takes; labels are whole numbers.

        Raises
        ------
        UnknownNameError, ShapeError
            If `sizes` names no size, or gives one that is not a positive whole number.
        """
        return sample_values(self.backward, seed=seed, sizes=sizes)

    def verify(
        self,
        *,
        seed: int = 0,
        sizes: Mapping[str, int] | None = None,
        backends: Sequence[str] | None = None,
    ) -> Report:
        """Check the gradients, and the code of each backend, against independent oracles.

        Parameters
        ----------
        seed
            Of the point at which everything is evaluated.
        sizes
            Numbers for symbolic sizes; different primes if not given.
        backends
            Whose code to check; an empty sequence checks the equations alone. By default
            every backend's, unless the system leaves a function open: then there is no
            code, and the oracles put a function of their own in its place.
        """
        if backends is None:
            backends = () if self.system.open_functions else tuple(BACKENDS)
        # A Jacobian is checked as the gradient of a sum with random weights.
        checked = scalarised(self.backward)
        compiled = {name: compile_backward(checked, name, dtype="float64") for name in backends}
        return verify_backward(checked, compiled, seed=seed, sizes=sizes)

    def _repr_latex_(self) -> str:
        return displayed_derivation(self.backward)

    def __str__(self) -> str:
        return self.text()


def derive(system: System, wrt: Sequence[str] | None = None) -> Derivation:
    """Derive the gradients of a system's objective.

    Parameters
    ----------
    system
        Equations with a scalar objective, such as ``net.system(sb.MSELoss())``.
    wrt
        Names of the tensors to differentiate by, or a single name; all parameters if None.

    Raises
    ------
    EquationError
        If it is no system, has no objective, or there is nothing to differentiate by.
    UnknownNameError
        If a name in `wrt` is not in the system.
    """
    _require_system(system)
    wrt = (wrt,) if isinstance(wrt, str) else wrt
    return Derivation(derive_backward(system, wrt))


def jacobian(system: System, of: str, wrt: str | Sequence[str]) -> Derivation:
    """Derive the derivatives of every element of one tensor by every element of others.

    Parameters
    ----------
    system
        Equations, with or without an objective.
    of
        The name of an intermediate, such as a softmax ``p``.
    wrt
        Names of the tensors to differentiate by, or a single name.

    Returns
    -------
    Derivation
        ``d.gradients[name]`` is ``∂of[…]/∂name[…]``, the indices of `of` first; Kronecker
        deltas stay, so that what is diagonal is written so. Compiled, it returns the
        tensor and the Jacobians, of shape ``(*of.shape, *wrt.shape)``.

    Raises
    ------
    EquationError
        If it is no system, `of` is not computed by an equation, or a name is of labels.
    UnknownNameError
        If a name is not in the system.

    Examples
    --------
    >>> from symbackprop.library import Linear, MSELoss, Sequential, Sigmoid
    >>> system = Sequential(Linear("D", "K"), Sigmoid()).system(MSELoss())
    >>> print(jacobian(system, "a1", "z1").gradients["z1"])
    ∂a1[n,j]/∂z1[m,l] = a1[m,j]·(1 − a1[m,j])·[j = l]·[n = m]
    """
    _require_system(system)
    return Derivation(derive_jacobian(system, of, [wrt] if isinstance(wrt, str) else wrt))


def hessian(system: System, name: str, other: str | None = None) -> Derivation:
    """Derive the second derivatives of a system's objective by one tensor, or by two.

    Returns
    -------
    Derivation
        The Jacobian of the gradient by `name`; ``d.gradients[other or name]`` is
        ``∂²L/∂name[…]∂other[…]``. See `jacobian`.

    Raises
    ------
    EquationError
        If it is no system, has no objective, or a name is of labels.
    UnknownNameError
        If a name is not in the system.
    """
    _require_system(system)
    return Derivation(derive_hessian(system, name, other))


def hvp(system: System, name: str) -> Derivation:
    """Derive the product of the Hessian by `name` with a tensor ``v``, a new input.

    Returns
    -------
    Derivation
        ``d.gradients[name]`` is ``Σ ∂²L/∂name∂name·v``, of the shape of `name`; no
        Hessian is formed.

    Raises
    ------
    EquationError
        If it is no system, has no objective, or the name is of labels.
    UnknownNameError
        If the name is not in the system.
    """
    _require_system(system)
    return Derivation(derive_hvp(system, name))


def _require_system(system: System) -> None:
    if not isinstance(system, System):
        raise EquationError(
            f"a {type(system).__name__} cannot be derived: it is not a system of equations",
            remedy="give a network its loss, net.system(sb.MSELoss()), or build a sb.System",
        )
