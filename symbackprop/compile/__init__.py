"""Compiling: equations to a backend-neutral plan, and a plan to readable source."""
