"""Networks as index equations: exact gradients, derived, typeset, compiled and verified.

>>> import symbackprop as sb
>>> net = sb.Sequential(sb.Linear(10, 20), sb.ReLU(), sb.Linear(20, 1))
>>> d = sb.derive(net.system(sb.MSELoss()))
>>> print(d.gradients["W2"])
∂L/∂W2[k,j] = Σₙ δ2[n,k]·a1[n,j]
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symbackprop import errors as errors
    from symbackprop import language as language
    from symbackprop import library as library
    from symbackprop.calculus import Step as Step
    from symbackprop.derivation import Derivation as Derivation
    from symbackprop.derivation import derive as derive
    from symbackprop.derivation import hessian as hessian
    from symbackprop.derivation import hvp as hvp
    from symbackprop.derivation import jacobian as jacobian
    from symbackprop.errors import SymbackpropError as SymbackpropError
    from symbackprop.errors import VerificationError as VerificationError
    from symbackprop.interop.equation_text import load as load
    from symbackprop.interop.equation_text import parse_system as parse_system
    from symbackprop.interop.examples import example as example
    from symbackprop.language import *  # noqa: F403 (the language is the package's vocabulary)
    from symbackprop.library import *  # noqa: F403 (and so are layers, losses and optimizers)
    from symbackprop.typeset import latex_equation as latex_equation
    from symbackprop.typeset import text_equation as text_equation
    from symbackprop.verify import Report as Report

__version__ = "0.1.0"

# A room is loaded when one of its names is first used: `symbp derive` starts without the
# compilers and the oracles. All names of these two rooms are public here,
_OPEN_ROOMS = ("language", "library")
# and these of the others.
_HOMES = {
    "Derivation": "derivation",
    "Report": "verify",
    "Step": "calculus",
    "SymbackpropError": "errors",
    "VerificationError": "errors",
    "derive": "derivation",
    "example": "interop.examples",
    "hessian": "derivation",
    "hvp": "derivation",
    "jacobian": "derivation",
    "latex_equation": "typeset",
    "load": "interop.equation_text",
    "parse_system": "interop.equation_text",
    "text_equation": "typeset",
}


if "IPython" in sys.modules:
    # Systems and equations show themselves in a notebook by what this room knows.
    import_module("symbackprop.typeset")


def __getattr__(name: str) -> Any:
    if name in {"errors", *_OPEN_ROOMS}:
        return import_module(f"symbackprop.{name}")
    for room in (_HOMES[name],) if name in _HOMES else _OPEN_ROOMS:
        module = import_module(f"symbackprop.{room}")
        if name in _HOMES or name in module.__all__:
            # From here on it is an ordinary attribute.
            value = globals()[name] = getattr(module, name)
            return value
    raise AttributeError(f"module 'symbackprop' has no attribute {name!r}")


def __dir__() -> list[str]:
    rooms = [import_module(f"symbackprop.{room}") for room in _OPEN_ROOMS]
    return sorted({*globals(), *_HOMES, *(name for room in rooms for name in room.__all__)})
