from keras_lion.optimizers import reference as reference
from keras_lion.optimizers.conversion import lion_from_adamw as lion_from_adamw
from keras_lion.optimizers.conversion_rule import convert_adamw as convert_adamw
from keras_lion.optimizers.lion import Lion as Lion
from keras_lion.optimizers.scaled_schedule import ScaledSchedule as ScaledSchedule
from keras_lion.optimizers.updates import adamw_update as adamw_update
from keras_lion.optimizers.updates import lion_update as lion_update

__all__ = [
    "Lion",
    "ScaledSchedule",
    "adamw_update",
    "convert_adamw",
    "lion_from_adamw",
    "lion_update",
    "reference",
]
