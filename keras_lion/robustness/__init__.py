"""What runs show: landscapes, tolerance, regret, verdicts and summaries."""

from keras_lion._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
