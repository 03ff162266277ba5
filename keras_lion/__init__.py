"""Lion for Keras 3, and the evidence to tune it."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Lion": ".optimizers.lion",
        "optimizers": ".optimizers",
        "report": ".report",
        "robustness": ".robustness",
        "statistics": ".statistics",
        "theory": ".theory",
        "tuning": ".tuning",
    },
)
