"""What is asked: studies, their plans and search spaces, and the runs they declare."""

from keras_lion._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
