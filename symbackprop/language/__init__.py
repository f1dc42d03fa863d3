"""The language: indices, tensors, primitives, equations, systems."""

from symbackprop.language.equations import BaseCase, Equation, Fact, element_name, elements
from symbackprop.language.indices import (
    SizeLike,
    free_indices,
    fresh_name,
    index,
    index_name,
    size,
    size_of,
    sizes,
)
from symbackprop.language.positions import affine_form, is_fixed, is_outside, shift
from symbackprop.language.primitives import (
    PRIMITIVES,
    MaxOver,
    Primitive,
    Spelling,
    bracket,
    primitive_of,
    relu,
    sigmoid,
    softplus,
)
from symbackprop.language.recurrence import Group, grouped
from symbackprop.language.systems import System
from symbackprop.language.tensors import (
    Domain,
    Role,
    Tensor,
    hyperparameter,
    input,
    intermediate,
    parameter,
    target,
)

__all__ = [
    "PRIMITIVES",
    "BaseCase",
    "Domain",
    "Equation",
    "Fact",
    "Group",
    "MaxOver",
    "Primitive",
    "Role",
    "SizeLike",
    "Spelling",
    "System",
    "Tensor",
    "affine_form",
    "bracket",
    "element_name",
    "elements",
    "free_indices",
    "fresh_name",
    "grouped",
    "hyperparameter",
    "index",
    "index_name",
    "input",
    "intermediate",
    "is_fixed",
    "is_outside",
    "parameter",
    "primitive_of",
    "relu",
    "shift",
    "sigmoid",
    "size",
    "size_of",
    "sizes",
    "softplus",
    "target",
]
