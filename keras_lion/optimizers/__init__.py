"""What a model is compiled with."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Lion": ".lion",
        "adamw_update": ".updates",
        "lion_update": ".updates",
        "reference": ".reference",
    },
)
