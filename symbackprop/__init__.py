"""Networks as index equations: exact gradients, derived, typeset, compiled and verified."""
