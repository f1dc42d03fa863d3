"""Training: data, the loop, metrics, checkpoints."""
