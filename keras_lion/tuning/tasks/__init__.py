"""What a run trains: tasks, and those that come with keras-lion."""

from keras_lion._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
