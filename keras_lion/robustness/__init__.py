"""What runs say: landscapes, tolerance, regret, cautions and summaries."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Best": ".landscape",
        "Caution": ".cautions",
        "Landscape": ".landscape",
        "OptimizerSummary": ".summary",
        "ToleranceArea": ".tolerance",
        "ToleranceWidth": ".tolerance",
        "boundary_optimum": ".boundary",
        "cautions_of": ".cautions",
        "common_best": ".landscape",
        "conditions_of": ".conditions",
        "expected_best_of": ".expected_best",
        "learning_rate_sensitivity": ".sensitivity",
        "mean_regret": ".regret",
        "misspecification": ".misspecified",
        "paper_landscape": ".paper",
        "regrets": ".regret",
        "rule_of_thumb_regret": ".rule_of_thumb",
        "runs_of_preset": ".summary",
        "selected_keys": ".summary",
        "summarize": ".summary",
        "tolerance_area": ".tolerance",
        "tolerance_fraction": ".tolerance",
        "tolerance_width": ".tolerance",
        "variance_shares": ".variance",
        "weight_decay_sensitivity": ".sensitivity",
        "window_cautions": ".cautions",
        "worst_regret": ".misspecified",
    },
)
