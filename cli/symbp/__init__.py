"""The command line of symbackprop."""

import gc

# Importing SymPy and deriving make many objects and little garbage: with Python's own
# threshold of 700 allocations, looking for it is a quarter of a cold `symbp derive`.
gc.set_threshold(100_000, 20, 20)
