"""The command line of symbackprop."""
