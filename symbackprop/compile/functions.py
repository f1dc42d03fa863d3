"""Compiled functions: from equations to something that can be called."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import count
from typing import Any

from symbackprop.calculus import Backward
from symbackprop.compile.arrays import Argument, Engine, bind
from symbackprop.compile.backends import BACKENDS
from symbackprop.compile.module import Function, Module, Returned, write_module
from symbackprop.compile.program import Program, lower
from symbackprop.errors import CompileError, OptionError
from symbackprop.language import Equation, Group, Role, System, Tensor, grouped

_serial = count(1)
_FORWARD, _BACKWARD = "forward", "backward"


class CompiledModule:
    """An emitted module, loaded.

    Attributes
    ----------
    source
        Its text: self-contained, and the same that runs here.
    """

    def __init__(self, module: Module, engine: Engine, tensors: Mapping[str, Tensor]) -> None:
        self.source = module.source
        self._engine = engine
        self._tensors = tensors
        self._allowed = {n for n, t in tensors.items() if t.role is not Role.INTERMEDIATE}
        self._arguments = {
            function: [Argument(tensors[name], engine) for name in names]
            for function, names in module.parameters.items()
        }
        self._functions = _load(module)

    def _call(self, function: str, values: Mapping[str, Any]) -> Any:
        """Call a function of the module; its results as it returned them."""
        arguments = bind(self._arguments[function], values, self._allowed)
        return self._functions[function](*arguments)

    def _results(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
        """Results as arrays of the kind that was given: NumPy's, or the backend's own."""
        backend = self._engine.backend
        own = any(backend.owns(value) for value in values.values())
        arrays = {
            name: backend.array(value, self._engine.dtype, self._engine.device)
            for name, value in results.items()
        }
        if own:
            return arrays
        return {name: backend.to_numpy(array) for name, array in arrays.items()}


class CompiledFunction(CompiledModule):
    """The objective and its gradients: ``f(values) -> (loss, gradients)``.

    Attributes
    ----------
    source
        The emitted module.
    prediction
        The name of the tensor that `predict` computes; None if there is none.
    entry
        The function of the module that is called; of a Jacobian,
        ``value_and_jacobian``, which returns the tensor that is differentiated and its
        derivatives.
    """

    prediction: str | None = None
    entry: str = "loss_and_gradients"

    def __call__(self, values: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The objective and its gradients by name.

        Parameters
        ----------
        values
            By name, the inputs, targets and parameters; hyperparameters that are not
            given have their defaults. NumPy arrays in, NumPy arrays out; with the torch
            backend, tensors in, tensors out, on the device.

        Raises
        ------
        UnknownNameError, ShapeError, DataError
            If a value is missing, unknown, of another shape, or not of the right kind.
        """
        loss, gradients = self._call(self.entry, values)
        results = self._results(values, {"": loss} | {f"d{n}": g for n, g in gradients.items()})
        return results.pop(""), {name: results[f"d{name}"] for name in gradients}

    def predict(self, values: Mapping[str, Any]) -> Any:
        """The prediction: the last intermediate before the objective.

        Raises
        ------
        CompileError
            If the objective is computed without an intermediate.
        UnknownNameError, ShapeError, DataError
            If a value is missing, unknown, of another shape, or not of the right kind.
        """
        if self.prediction is None:
            raise CompileError(
                "there is no prediction: the objective is the only equation",
                remedy="write what is predicted as an equation of its own",
            )
        return self._results(values, {"": self._call("predict", values)})[""]


class CompiledPrediction(CompiledModule):
    """A forward pass: ``f(values) -> prediction``."""

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The prediction; targets and other tensors of the system may be given as well.

        Raises
        ------
        UnknownNameError, ShapeError, DataError
            If a value is missing, unknown, of another shape, or not of the right kind.
        """
        return self._results(values, {"": self._call("predict", values)})[""]


class CompiledEquations(CompiledModule):
    """Any equations: ``f(values) -> {name: array}``."""

    def __call__(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs by name.

        Raises
        ------
        UnknownNameError, ShapeError, DataError
            If a value is missing, unknown, of another shape, or not of the right kind.
        """
        return self._results(values, self._call("compute", values))


def compile_backward(
    backward: Backward,
    backend: str = "numpy",
    *,
    dtype: str = "float64",
    device: str = "cpu",
    prediction: str | None = None,
) -> CompiledFunction:
    """Compile a system's objective and its derived gradients.

    Parameters
    ----------
    backward
        The derivation.
    backend
        A name in `BACKENDS`.
    dtype
        ``"float32"`` or ``"float64"``, of everything but labels.
    device
        ``"cpu"``, or ``"cuda"`` with torch.
    prediction
        The tensor that `CompiledFunction.predict` computes; the last intermediate before
        the objective if None.

    Raises
    ------
    OptionError
        On a backend, dtype or device that does not exist.
    CompileError
        If the device is not there, or the backend cannot express the equations.
    UnknownNameError
        If `prediction` names no tensor of the system.
    """
    engine = make_engine(backend, dtype, device)
    predicted = prediction_name(backward.system, prediction)
    functions = [gradient_function(backward)]
    if predicted is not None:
        functions.append(prediction_function(backward.system, predicted))
    names = ", ".join(backward.gradients)
    summary = f"The objective and its gradients by {names}."
    if backward.outputs:
        summary = f"{backward.of} and its derivatives by {names}."
    module = write_module(functions, engine.backend, dtype, one_line(summary))
    compiled = CompiledFunction(module, engine, backward.tensors)
    compiled.prediction = predicted
    compiled.entry = functions[0].name
    return compiled


def compile_prediction(
    system: System,
    backend: str = "numpy",
    *,
    dtype: str = "float64",
    device: str = "cpu",
    prediction: str | None = None,
) -> CompiledPrediction:
    """Compile a system's forward pass up to its prediction; see `compile_backward`.

    Raises
    ------
    OptionError, CompileError, UnknownNameError
        As `compile_backward` does; `CompileError` also if nothing is predicted.
    """
    engine = make_engine(backend, dtype, device)
    predicted = prediction_name(system, prediction)
    if predicted is None:
        raise CompileError(
            "there is no prediction: the objective is the only equation",
            remedy="write what is predicted as an equation of its own",
        )
    functions = [prediction_function(system, predicted)]
    module = write_module(functions, engine.backend, dtype, "A forward pass.")
    return CompiledPrediction(module, engine, system.tensors)


def compile_equations(
    program: Program, backend: str = "numpy", *, dtype: str = "float64", device: str = "cpu"
) -> CompiledEquations:
    """Compile equations of any kind: a forward pass, an adjoint, an optimizer's update.

    Parameters
    ----------
    program
        The equations, and which tensors are wanted.
    backend, dtype, device
        See `compile_backward`.

    Raises
    ------
    OptionError, CompileError
        As `compile_backward` does.
    """
    engine = make_engine(backend, dtype, device)
    program = replace(program, tensors=by_role(program.tensors))
    returned = Returned(keyed={name: name for name in program.outputs})
    summary = "The values of the equations, by name."
    function = Function("compute", summary, lower(program), returned)
    module = write_module([function], engine.backend, dtype, "Equations.")
    return CompiledEquations(module, engine, program.tensors)


def emit_module(backward: Backward, backend: str = "numpy", dtype: str = "float64") -> str:
    """The module that `compile_backward` runs, as text."""
    return compile_backward(backward, backend, dtype=dtype).source


# --- parts --------------------------------------------------------------------------------


def make_engine(backend: str, dtype: str, device: str) -> Engine:
    """Backend, dtype and device, checked.

    Raises
    ------
    OptionError
        On one that does not exist, with the nearest that does.
    CompileError
        If the device is not there.
    """
    chosen = BACKENDS[_known("backend", backend, BACKENDS)]
    _known("dtype", dtype, chosen.dtypes)
    _known(f"device of the backend {backend!r}", device, chosen.devices)
    chosen.check_device(device)
    return Engine(chosen, dtype, device)


def _known(kind: str, name: str, choices: Iterable[str]) -> str:
    available = list(choices)
    if name in available:
        return name
    close = get_close_matches(str(name), available, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise OptionError(
        f"{name!r} is not a {kind}", remedy=f"{hint}use one of {', '.join(available)}"
    )


def by_role(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The table in the order a reader expects of arguments: inputs, targets, parameters."""
    roles = list(Role)
    ordered = sorted(tensors.items(), key=lambda item: roles.index(item[1].role))
    return dict(ordered)


def backward_equations(backward: Backward) -> tuple[tuple[Equation, ...], dict[str, str]]:
    """All equations of a derivation in order, and by name what each is for."""
    forward = backward.system.equations
    derived = _in_order((*backward.adjoints.values(), *backward.gradients.values()))
    origins = {e.name: _FORWARD for e in forward} | {e.name: _BACKWARD for e in derived}
    return (*forward, *derived), origins


def _in_order(equations: Sequence[Equation]) -> tuple[Equation, ...]:
    """The same equations, each after those it uses: a gradient may be of an intermediate.

    Equations that recur together stand together.
    """
    group_of = {e.name: group for group in grouped(equations) for e in group.equations}
    ordered: dict[str, Equation] = {}
    entered: set[str] = set()

    def place(group: Group) -> None:
        entered.update(equation.name for equation in group.equations)
        for name in (name for equation in group.equations for name in equation.used_names):
            if name in group_of and name not in entered:
                place(group_of[name])
        ordered.update((equation.name, equation) for equation in group.equations)

    for equation in equations:
        if equation.name not in entered:
            place(group_of[equation.name])
    return tuple(ordered.values())


def gradient_function(backward: Backward) -> Function:
    """The function that computes objective and gradients."""
    equations, origins = backward_equations(backward)
    gradients = {name: equation.name for name, equation in backward.gradients.items()}
    outputs = (backward.of, *gradients.values())
    program = Program(equations, by_role(backward.tensors), outputs, origins)
    name, summary = "loss_and_gradients", "The objective, and its gradients by name."
    if backward.outputs:
        name, summary = "value_and_jacobian", "The tensor, and its derivatives by name."
    return Function(name, summary, lower(program), Returned((backward.of,), gradients), backward.of)


def prediction_function(system: System, prediction: str) -> Function:
    """The function that computes the prediction."""
    origins = {equation.name: _FORWARD for equation in system.equations}
    program = Program(system.equations, by_role(system.tensors), (prediction,), origins)
    summary = "The prediction."
    return Function("predict", summary, lower(program), Returned((prediction,)))


def prediction_name(system: System, name: str | None) -> str | None:
    """The tensor that is predicted: the network's output, else the last intermediate."""
    if name is not None:
        return system.tensor(name).name
    declared = getattr(system.origin, "prediction", None)
    if isinstance(declared, str) and declared in system.tensors:
        return declared
    last = [equation.name for equation in system.equations if equation.name != system.objective]
    return last[-1] if last else None


def one_line(text: str) -> str:
    """Text fit for a docstring, whatever names the user chose."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable.replace("\\", "/").replace('"', "'")


def _load(module: Module) -> dict[str, Callable[..., Any]]:
    """Run a module that this room has written; tracebacks show its lines."""
    filename = f"<symbackprop {next(_serial)}>"
    linecache.cache[filename] = (
        len(module.source),
        None,
        module.source.splitlines(keepends=True),
        filename,
    )
    namespace: dict[str, Any] = {"__name__": filename}
    exec(compile(module.source, filename, "exec"), namespace)  # noqa: S102 (written by write_module)
    return {name: namespace[name] for name in module.parameters}
