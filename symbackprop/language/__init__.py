"""The language: indices, tensors, primitives, equations, systems."""

from symbackprop.language.equations import Equation, Fact, element_name, elements
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
    "Domain",
    "Equation",
    "Fact",
    "MaxOver",
    "Primitive",
    "Role",
    "SizeLike",
    "Spelling",
    "System",
    "Tensor",
    "bracket",
    "element_name",
    "elements",
    "free_indices",
    "fresh_name",
    "hyperparameter",
    "index",
    "index_name",
    "input",
    "intermediate",
    "parameter",
    "primitive_of",
    "relu",
    "sigmoid",
    "size",
    "size_of",
    "sizes",
    "softplus",
    "target",
]
