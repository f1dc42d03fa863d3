"""Interchange: model text in, standalone code out."""
