"""The calculus: normal form, pullback, delta contraction, rules, the adjoint sweep."""

from symbackprop.calculus.records import Backward, Step
from symbackprop.calculus.rules import ALL_RULES, Rule
from symbackprop.calculus.second import derive_hessian, derive_hvp, scalarised
from symbackprop.calculus.sweep import derive_backward, derive_jacobian

__all__ = [
    "ALL_RULES",
    "Backward",
    "Rule",
    "Step",
    "derive_backward",
    "derive_hessian",
    "derive_hvp",
    "derive_jacobian",
    "scalarised",
]
