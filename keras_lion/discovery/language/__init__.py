"""Programs: their statements, execution and simplification."""

from keras_lion._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
