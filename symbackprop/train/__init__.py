"""Training: data sets, the loop, metrics, checkpoints."""
