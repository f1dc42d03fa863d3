"""Networks as index equations: exact gradients, derived, typeset, compiled and verified.

>>> import symbackprop as sb
>>> net = sb.Sequential(sb.Linear(10, 20), sb.ReLU(), sb.Linear(20, 1))
>>> d = sb.derive(net.system(sb.MSELoss()))
>>> print(d.gradients["W2"])
∂L/∂W2[k,j] = Σₙ δ2[n,k]·a1[n,j]
"""

from symbackprop import errors as errors
from symbackprop import language as language
from symbackprop import library as library
from symbackprop.calculus import Step as Step
from symbackprop.derivation import Derivation as Derivation
from symbackprop.derivation import derive as derive
from symbackprop.errors import SymbackpropError as SymbackpropError
from symbackprop.errors import VerificationError as VerificationError
from symbackprop.language import *  # noqa: F403 (the language is the vocabulary of the package)
from symbackprop.library import *  # noqa: F403 (and so are the layers, losses and optimizers)
from symbackprop.typeset import latex_equation as latex_equation
from symbackprop.typeset import text_equation as text_equation
from symbackprop.verify import Report as Report

__version__ = "0.1.0"
