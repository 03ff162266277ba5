from keras_lion.robustness.cautions import Caution as Caution
from keras_lion.robustness.cautions import cautions_of as cautions_of
from keras_lion.robustness.cautions import window_cautions as window_cautions
from keras_lion.robustness.landscape import Best as Best
from keras_lion.robustness.landscape import Landscape as Landscape
from keras_lion.robustness.landscape import common_best as common_best
from keras_lion.robustness.regret import mean_regret as mean_regret
from keras_lion.robustness.regret import regrets as regrets
from keras_lion.robustness.summary import OptimizerSummary as OptimizerSummary
from keras_lion.robustness.summary import runs_of_preset as runs_of_preset
from keras_lion.robustness.summary import selected_keys as selected_keys
from keras_lion.robustness.summary import summarize as summarize
from keras_lion.robustness.tolerance import ToleranceWidth as ToleranceWidth
from keras_lion.robustness.tolerance import tolerance_fraction as tolerance_fraction
from keras_lion.robustness.tolerance import tolerance_width as tolerance_width

__all__ = [
    "Best",
    "Caution",
    "Landscape",
    "OptimizerSummary",
    "ToleranceWidth",
    "cautions_of",
    "common_best",
    "mean_regret",
    "regrets",
    "runs_of_preset",
    "selected_keys",
    "summarize",
    "tolerance_fraction",
    "tolerance_width",
    "window_cautions",
]
