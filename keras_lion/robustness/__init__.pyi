from keras_lion.robustness.boundary import boundary_optimum as boundary_optimum
from keras_lion.robustness.cautions import Caution as Caution
from keras_lion.robustness.cautions import cautions_of as cautions_of
from keras_lion.robustness.cautions import window_cautions as window_cautions
from keras_lion.robustness.conditions import conditions_of as conditions_of
from keras_lion.robustness.expected_best import expected_best_of as expected_best_of
from keras_lion.robustness.landscape import Best as Best
from keras_lion.robustness.landscape import Landscape as Landscape
from keras_lion.robustness.landscape import common_best as common_best
from keras_lion.robustness.misspecified import misspecification as misspecification
from keras_lion.robustness.misspecified import worst_regret as worst_regret
from keras_lion.robustness.paper import paper_landscape as paper_landscape
from keras_lion.robustness.regret import mean_regret as mean_regret
from keras_lion.robustness.regret import regrets as regrets
from keras_lion.robustness.rule_of_thumb import (
    rule_of_thumb_regret as rule_of_thumb_regret,
)
from keras_lion.robustness.sensitivity import (
    learning_rate_sensitivity as learning_rate_sensitivity,
)
from keras_lion.robustness.sensitivity import (
    weight_decay_sensitivity as weight_decay_sensitivity,
)
from keras_lion.robustness.summary import OptimizerSummary as OptimizerSummary
from keras_lion.robustness.summary import runs_of_preset as runs_of_preset
from keras_lion.robustness.summary import selected_keys as selected_keys
from keras_lion.robustness.summary import summarize as summarize
from keras_lion.robustness.tolerance import ToleranceArea as ToleranceArea
from keras_lion.robustness.tolerance import ToleranceWidth as ToleranceWidth
from keras_lion.robustness.tolerance import tolerance_area as tolerance_area
from keras_lion.robustness.tolerance import tolerance_fraction as tolerance_fraction
from keras_lion.robustness.tolerance import tolerance_width as tolerance_width
from keras_lion.robustness.variance import variance_shares as variance_shares

__all__ = [
    "Best",
    "Caution",
    "Landscape",
    "OptimizerSummary",
    "ToleranceArea",
    "ToleranceWidth",
    "boundary_optimum",
    "cautions_of",
    "common_best",
    "conditions_of",
    "expected_best_of",
    "learning_rate_sensitivity",
    "mean_regret",
    "misspecification",
    "paper_landscape",
    "regrets",
    "rule_of_thumb_regret",
    "runs_of_preset",
    "selected_keys",
    "summarize",
    "tolerance_area",
    "tolerance_fraction",
    "tolerance_width",
    "variance_shares",
    "weight_decay_sensitivity",
    "window_cautions",
    "worst_regret",
]
