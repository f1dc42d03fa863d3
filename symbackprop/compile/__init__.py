"""Compiling: equations to a plan, a plan to source, source to a function."""

from symbackprop.compile.backends import BACKENDS
from symbackprop.compile.functions import (
    CompiledEquations,
    CompiledFunction,
    CompiledPrediction,
    compile_backward,
    compile_equations,
    compile_prediction,
    emit_module,
)
from symbackprop.compile.program import Program
from symbackprop.compile.stability import RULES as STABILITY_RULES
from symbackprop.compile.training import TrainingStep, compile_training_step

__all__ = [
    "BACKENDS",
    "STABILITY_RULES",
    "CompiledEquations",
    "CompiledFunction",
    "CompiledPrediction",
    "Program",
    "TrainingStep",
    "compile_backward",
    "compile_equations",
    "compile_prediction",
    "compile_training_step",
    "emit_module",
]
