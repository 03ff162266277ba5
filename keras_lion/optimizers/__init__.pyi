from keras_lion.optimizers import reference as reference
from keras_lion.optimizers.lion import Lion as Lion
from keras_lion.optimizers.updates import adamw_update as adamw_update
from keras_lion.optimizers.updates import lion_update as lion_update

__all__ = ["Lion", "adamw_update", "lion_update", "reference"]
