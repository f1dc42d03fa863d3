"""The calculus: normal form, pullback, delta contraction, rules, the adjoint sweep."""
