"""The program search: optimizers as programs, and how Lion was found."""

from keras_lion._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
