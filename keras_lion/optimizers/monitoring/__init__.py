"""What updates do to the weights, seen while training."""
