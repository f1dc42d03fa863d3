"""Verifying: independent oracles for every derived gradient."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symbackprop.verify.autograd import autograd_gradients as autograd_gradients
    from symbackprop.verify.check import Compiled as Compiled
    from symbackprop.verify.check import verify_backward as verify_backward
    from symbackprop.verify.equalities import check_equalities as check_equalities
    from symbackprop.verify.report import TOLERANCES as TOLERANCES
    from symbackprop.verify.report import Report as Report
    from symbackprop.verify.report import Row as Row
    from symbackprop.verify.sample import sample_values as sample_values

# Loaded when first used: a page is checked without the oracles that need a compiler or PyTorch.
_HOMES = {
    "TOLERANCES": "report",
    "Compiled": "check",
    "Report": "report",
    "Row": "report",
    "autograd_gradients": "autograd",
    "check_equalities": "equalities",
    "sample_values": "sample",
    "verify_backward": "check",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'symbackprop.verify' has no attribute {name!r}")
    value = getattr(import_module(f"symbackprop.verify.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
