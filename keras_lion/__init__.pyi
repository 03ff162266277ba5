from keras_lion import optimizers as optimizers
from keras_lion import report as report
from keras_lion import robustness as robustness
from keras_lion import statistics as statistics
from keras_lion import theory as theory
from keras_lion import tuning as tuning
from keras_lion.optimizers.lion import Lion as Lion

__all__ = [
    "Lion",
    "optimizers",
    "report",
    "robustness",
    "statistics",
    "theory",
    "tuning",
]
