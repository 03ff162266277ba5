from keras_lion.robustness.batch_size import batch_size_scaling as batch_size_scaling
from keras_lion.robustness.batch_size import (
    landscapes_of_batch_sizes as landscapes_of_batch_sizes,
)
from keras_lion.robustness.calibration.controls import calibrate as calibrate
from keras_lion.robustness.comparison import best_score as best_score
from keras_lion.robustness.comparison import compare as compare
from keras_lion.robustness.comparison import compare_best as compare_best
from keras_lion.robustness.comparison import compare_tolerance as compare_tolerance
from keras_lion.robustness.effective_decay.law import product_law as product_law
from keras_lion.robustness.effective_decay.lines import (
    compare_parametrizations as compare_parametrizations,
)
from keras_lion.robustness.effective_decay.lines import iso_product as iso_product
from keras_lion.robustness.grid import boundary_optimum as boundary_optimum
from keras_lion.robustness.landscape import Landscape as Landscape
from keras_lion.robustness.landscape import common_best as common_best
from keras_lion.robustness.paper import paper_landscape as paper_landscape
from keras_lion.robustness.regret import mean_regret as mean_regret
from keras_lion.robustness.regret import misspecification as misspecification
from keras_lion.robustness.regret import worst_regret as worst_regret
from keras_lion.robustness.sensitivity import isolation_curve as isolation_curve
from keras_lion.robustness.sensitivity import (
    learning_rate_sensitivity as learning_rate_sensitivity,
)
from keras_lion.robustness.sensitivity import variance_shares as variance_shares
from keras_lion.robustness.sensitivity import (
    weight_decay_sensitivity as weight_decay_sensitivity,
)
from keras_lion.robustness.study_verdicts import decide as decide
from keras_lion.robustness.study_verdicts import findings as findings
from keras_lion.robustness.summary import runs_of_preset as runs_of_preset
from keras_lion.robustness.summary import selected_keys as selected_keys
from keras_lion.robustness.summary import summarize as summarize
from keras_lion.robustness.tolerance import cells_within as cells_within
from keras_lion.robustness.tolerance import tolerance_area as tolerance_area
from keras_lion.robustness.tolerance import tolerance_fraction as tolerance_fraction
from keras_lion.robustness.tolerance import tolerance_width as tolerance_width
from keras_lion.robustness.tuning_budget import expected_best_of as expected_best_of
from keras_lion.robustness.tuning_budget import (
    rule_of_thumb_regret as rule_of_thumb_regret,
)
from keras_lion.robustness.tuning_budget import tuning_curve as tuning_curve
from keras_lion.robustness.verdict import Verdict as Verdict
from keras_lion.robustness.verdict import tolerance_verdict as tolerance_verdict
from keras_lion.robustness.windows import window_agreement as window_agreement

__all__ = [
    "Landscape",
    "Verdict",
    "batch_size_scaling",
    "best_score",
    "boundary_optimum",
    "calibrate",
    "cells_within",
    "common_best",
    "compare",
    "compare_best",
    "compare_parametrizations",
    "compare_tolerance",
    "decide",
    "expected_best_of",
    "findings",
    "iso_product",
    "isolation_curve",
    "landscapes_of_batch_sizes",
    "learning_rate_sensitivity",
    "mean_regret",
    "misspecification",
    "paper_landscape",
    "product_law",
    "rule_of_thumb_regret",
    "runs_of_preset",
    "selected_keys",
    "summarize",
    "tolerance_area",
    "tolerance_fraction",
    "tolerance_verdict",
    "tolerance_width",
    "tuning_curve",
    "variance_shares",
    "weight_decay_sensitivity",
    "window_agreement",
    "worst_regret",
]
