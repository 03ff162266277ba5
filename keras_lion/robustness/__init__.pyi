from keras_lion.robustness.axes import product_axes as product_axes
from keras_lion.robustness.batch_size import batch_size_scaling as batch_size_scaling
from keras_lion.robustness.batch_size import (
    landscapes_of_batch_sizes as landscapes_of_batch_sizes,
)
from keras_lion.robustness.best_scores import best_score as best_score
from keras_lion.robustness.best_scores import compare_best as compare_best
from keras_lion.robustness.boundary import boundary_optimum as boundary_optimum
from keras_lion.robustness.calibration import calibrate as calibrate
from keras_lion.robustness.cautions import Caution as Caution
from keras_lion.robustness.cautions import cautions_of as cautions_of
from keras_lion.robustness.cautions import window_cautions as window_cautions
from keras_lion.robustness.comparison import Comparison as Comparison
from keras_lion.robustness.comparison import compare as compare
from keras_lion.robustness.comparison import compare_tolerance as compare_tolerance
from keras_lion.robustness.conditions import conditions_of as conditions_of
from keras_lion.robustness.contenders import name_contenders as name_contenders
from keras_lion.robustness.expected_best import expected_best_of as expected_best_of
from keras_lion.robustness.isolation import isolation_curve as isolation_curve
from keras_lion.robustness.landscape import Best as Best
from keras_lion.robustness.landscape import Landscape as Landscape
from keras_lion.robustness.landscape import common_best as common_best
from keras_lion.robustness.misspecified import misspecification as misspecification
from keras_lion.robustness.misspecified import worst_regret as worst_regret
from keras_lion.robustness.paper import paper_landscape as paper_landscape
from keras_lion.robustness.parametrization import (
    compare_parametrizations as compare_parametrizations,
)
from keras_lion.robustness.product import ProductLaw as ProductLaw
from keras_lion.robustness.product import product_law as product_law
from keras_lion.robustness.product_curves import product_curve as product_curve
from keras_lion.robustness.product_lines import IsoProduct as IsoProduct
from keras_lion.robustness.product_lines import iso_product as iso_product
from keras_lion.robustness.regret import mean_regret as mean_regret
from keras_lion.robustness.regret import regrets as regrets
from keras_lion.robustness.regret_bands import regret_profiles as regret_profiles
from keras_lion.robustness.rule_of_thumb import (
    rule_of_thumb_regret as rule_of_thumb_regret,
)
from keras_lion.robustness.sensitivity import (
    learning_rate_sensitivity as learning_rate_sensitivity,
)
from keras_lion.robustness.sensitivity import (
    weight_decay_sensitivity as weight_decay_sensitivity,
)
from keras_lion.robustness.several_tasks import across_tasks as across_tasks
from keras_lion.robustness.several_tasks import shared_recipe as shared_recipe
from keras_lion.robustness.study_findings import findings as findings
from keras_lion.robustness.sub_window_signs import window_signs as window_signs
from keras_lion.robustness.summary import OptimizerSummary as OptimizerSummary
from keras_lion.robustness.summary import runs_of_preset as runs_of_preset
from keras_lion.robustness.summary import selected_keys as selected_keys
from keras_lion.robustness.summary import summarize as summarize
from keras_lion.robustness.tolerance import ToleranceArea as ToleranceArea
from keras_lion.robustness.tolerance import ToleranceWidth as ToleranceWidth
from keras_lion.robustness.tolerance import tolerance_area as tolerance_area
from keras_lion.robustness.tolerance import tolerance_fraction as tolerance_fraction
from keras_lion.robustness.tolerance import tolerance_width as tolerance_width
from keras_lion.robustness.tolerated_cells import cells_within as cells_within
from keras_lion.robustness.tuning_curves import tuning_curve as tuning_curve
from keras_lion.robustness.variance import variance_shares as variance_shares
from keras_lion.robustness.verdicts import Verdict as Verdict
from keras_lion.robustness.verdicts import tolerance_verdict as tolerance_verdict
from keras_lion.robustness.verdicts import verdict as verdict
from keras_lion.robustness.windows import window_agreement as window_agreement

__all__ = [
    "Best",
    "Caution",
    "Comparison",
    "IsoProduct",
    "Landscape",
    "OptimizerSummary",
    "ProductLaw",
    "ToleranceArea",
    "ToleranceWidth",
    "Verdict",
    "across_tasks",
    "batch_size_scaling",
    "best_score",
    "boundary_optimum",
    "calibrate",
    "cautions_of",
    "cells_within",
    "common_best",
    "compare",
    "compare_best",
    "compare_parametrizations",
    "compare_tolerance",
    "conditions_of",
    "expected_best_of",
    "findings",
    "iso_product",
    "isolation_curve",
    "landscapes_of_batch_sizes",
    "learning_rate_sensitivity",
    "mean_regret",
    "misspecification",
    "name_contenders",
    "paper_landscape",
    "product_axes",
    "product_curve",
    "product_law",
    "regret_profiles",
    "regrets",
    "rule_of_thumb_regret",
    "runs_of_preset",
    "selected_keys",
    "shared_recipe",
    "summarize",
    "tolerance_area",
    "tolerance_fraction",
    "tolerance_verdict",
    "tolerance_width",
    "tuning_curve",
    "variance_shares",
    "verdict",
    "weight_decay_sensitivity",
    "window_agreement",
    "window_cautions",
    "window_signs",
    "worst_regret",
]
