"""Typesetting: LaTeX and Unicode text from one derivation."""
