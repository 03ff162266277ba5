"""Optimizers and schedules related to Lion, and wrappers of any Keras optimizer."""
