from keras_lion.theory.bound import adamw_update_bound as adamw_update_bound
from keras_lion.theory.bound import sup_norm_bound as sup_norm_bound
from keras_lion.theory.conversion import ConversionFactors as ConversionFactors
from keras_lion.theory.conversion import conversion_factors as conversion_factors
from keras_lion.theory.equilibrium import adamw_equilibrium_rms as adamw_equilibrium_rms
from keras_lion.theory.equilibrium import adamw_update_rms as adamw_update_rms
from keras_lion.theory.equilibrium import lion_drift as lion_drift
from keras_lion.theory.equilibrium import lion_equilibrium_rms as lion_equilibrium_rms
from keras_lion.theory.equilibrium import lion_noise_gain as lion_noise_gain
from keras_lion.theory.equilibrium import sign_flip_probability as sign_flip_probability
from keras_lion.theory.path import WeightPath as WeightPath
from keras_lion.theory.path import adamw_path as adamw_path
from keras_lion.theory.path import lion_path as lion_path
from keras_lion.theory.rotation import adamw_rotation as adamw_rotation
from keras_lion.theory.rotation import lion_rotation as lion_rotation
from keras_lion.theory.timescale import ema_timescale as ema_timescale
from keras_lion.theory.timescale import ema_timescale_epochs as ema_timescale_epochs
from keras_lion.theory.timescale import kappa as kappa
from keras_lion.theory.timescale import relaxation_steps as relaxation_steps

__all__ = [
    "ConversionFactors",
    "WeightPath",
    "adamw_equilibrium_rms",
    "adamw_path",
    "adamw_rotation",
    "adamw_update_bound",
    "adamw_update_rms",
    "conversion_factors",
    "ema_timescale",
    "ema_timescale_epochs",
    "kappa",
    "lion_drift",
    "lion_equilibrium_rms",
    "lion_noise_gain",
    "lion_path",
    "lion_rotation",
    "relaxation_steps",
    "sign_flip_probability",
    "sup_norm_bound",
]
