"""What the algebra predicts of Lion and AdamW, mostly under pure gradient noise."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ConversionFactors": ".conversion",
        "WeightPath": ".path",
        "adamw_equilibrium_rms": ".equilibrium",
        "adamw_path": ".path",
        "adamw_rotation": ".rotation",
        "adamw_update_bound": ".bound",
        "adamw_update_rms": ".equilibrium",
        "conversion_factors": ".conversion",
        "ema_timescale": ".timescale",
        "ema_timescale_epochs": ".timescale",
        "kappa": ".timescale",
        "lion_drift": ".equilibrium",
        "lion_equilibrium_rms": ".equilibrium",
        "lion_noise_gain": ".equilibrium",
        "lion_path": ".path",
        "lion_rotation": ".rotation",
        "relaxation_steps": ".timescale",
        "sign_flip_probability": ".equilibrium",
        "sup_norm_bound": ".bound",
    },
)
