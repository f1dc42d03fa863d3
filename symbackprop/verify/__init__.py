"""Verifying: independent oracles for every derived gradient."""

from symbackprop.verify import sequences as _sequences  # noqa: F401 (registers what it calls)
from symbackprop.verify.autograd import autograd_gradients
from symbackprop.verify.check import Compiled, verify_backward
from symbackprop.verify.report import TOLERANCES, Report, Row

__all__ = [
    "TOLERANCES",
    "Compiled",
    "Report",
    "Row",
    "autograd_gradients",
    "verify_backward",
]
