"""What runs say: landscapes, tolerance, regret, cautions and summaries."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Best": ".landscape",
        "Caution": ".cautions",
        "Landscape": ".landscape",
        "OptimizerSummary": ".summary",
        "ToleranceWidth": ".tolerance",
        "cautions_of": ".cautions",
        "common_best": ".landscape",
        "mean_regret": ".regret",
        "regrets": ".regret",
        "runs_of_preset": ".summary",
        "selected_keys": ".summary",
        "summarize": ".summary",
        "tolerance_fraction": ".tolerance",
        "tolerance_width": ".tolerance",
        "window_cautions": ".cautions",
    },
)
