"""A learning rate schedule times a number, from its first rate to its last."""

from __future__ import annotations

from typing import Any

import keras
from keras.optimizers import schedules

# What in the config of each schedule of Keras is a learning rate. All else is a number
# of steps or relative to a rate, as `alpha` is.
_RATES = {
    schedules.CosineDecay: ("initial_learning_rate", "warmup_target"),
    schedules.CosineDecayRestarts: ("initial_learning_rate",),
    schedules.ExponentialDecay: ("initial_learning_rate",),
    schedules.InverseTimeDecay: ("initial_learning_rate",),
    schedules.PiecewiseConstantDecay: ("values",),
    schedules.PolynomialDecay: ("initial_learning_rate", "end_learning_rate"),
}


def scaled_schedule(
    schedule: schedules.LearningRateSchedule, factor: float
) -> schedules.LearningRateSchedule:
    """`schedule` with every learning rate of it, from first to last, times `factor`.

    A schedule of Keras gives one of the same class; any other is wrapped in a
    `ScaledSchedule`.

    Args:
        schedule: The schedule, which stays as it is.
        factor: What its rates are multiplied by.
    """
    # Exactly these classes: a subclass may compute what its config does not tell.
    names = _RATES.get(type(schedule))
    if names is None:
        return ScaledSchedule(schedule, factor)
    config = schedule.get_config()
    for name in names:
        rate = config[name]
        if isinstance(rate, (list, tuple)):
            config[name] = [each * factor for each in rate]
        elif rate is not None:
            config[name] = rate * factor
    return type(schedule).from_config(config)


@keras.saving.register_keras_serializable(package="keras_lion")
class ScaledSchedule(schedules.LearningRateSchedule):
    """The rates of another schedule, each times a factor.

    A saved model that holds one loads once this class has been imported:
    `from keras_lion.optimizers import ScaledSchedule`.

    Args:
        schedule: A `keras.optimizers.schedules.LearningRateSchedule`.
        factor: What its rates are multiplied by.
    """

    def __init__(self, schedule: schedules.LearningRateSchedule, factor: float) -> None:
        super().__init__()
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step: Any) -> Any:
        return self.schedule(step) * self.factor

    def get_config(self) -> dict[str, Any]:
        return {
            "schedule": schedules.serialize(self.schedule),
            "factor": self.factor,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ScaledSchedule:
        return cls(schedules.deserialize(config["schedule"]), config["factor"])
