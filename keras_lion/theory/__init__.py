"""What the algebra predicts of Lion and AdamW, mostly under pure gradient noise."""

from keras_lion._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
