"""What a model is compiled with."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Lion": ".lion",
        "ScaledSchedule": ".scaled_schedule",
        "adamw_update": ".updates",
        "convert_adamw": ".conversion_rule",
        "lion_from_adamw": ".conversion",
        "lion_update": ".updates",
        "reference": ".reference",
    },
)
