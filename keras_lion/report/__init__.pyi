from keras_lion.report.batch_size_curve import batch_size_figure as batch_size_figure
from keras_lion.report.batch_size_curve import (
    plot_best_hyperparameter as plot_best_hyperparameter,
)
from keras_lion.report.batch_size_curve import plot_best_scores as plot_best_scores
from keras_lion.report.best_of_k import best_of_k_figure as best_of_k_figure
from keras_lion.report.best_of_k import plot_best_of_k as plot_best_of_k
from keras_lion.report.collapse import collapse_figure as collapse_figure
from keras_lion.report.collapse import plot_collapse as plot_collapse
from keras_lion.report.divergence_map import divergence_figure as divergence_figure
from keras_lion.report.divergence_map import plot_divergence as plot_divergence
from keras_lion.report.heatmap import colour_limits as colour_limits
from keras_lion.report.heatmap import heatmap_figure as heatmap_figure
from keras_lion.report.heatmap import plot_heatmap_pair as plot_heatmap_pair
from keras_lion.report.heatmap import plot_landscape as plot_landscape
from keras_lion.report.iso_product_lines import iso_product_figure as iso_product_figure
from keras_lion.report.iso_product_lines import (
    plot_iso_product_lines as plot_iso_product_lines,
)
from keras_lion.report.iso_product_lines import plot_over_product as plot_over_product
from keras_lion.report.isolation import isolation_figure as isolation_figure
from keras_lion.report.isolation import plot_isolation as plot_isolation
from keras_lion.report.learning_curves import (
    learning_curves_figure as learning_curves_figure,
)
from keras_lion.report.learning_curves import (
    plot_learning_curves as plot_learning_curves,
)
from keras_lion.report.regret_profile import plot_regret_profile as plot_regret_profile
from keras_lion.report.regret_profile import (
    regret_profile_figure as regret_profile_figure,
)
from keras_lion.report.rule_of_thumb_curve import (
    plot_rule_of_thumb as plot_rule_of_thumb,
)
from keras_lion.report.rule_of_thumb_curve import (
    rule_of_thumb_figure as rule_of_thumb_figure,
)
from keras_lion.report.style import Quantity as Quantity
from keras_lion.report.style import optimizer_colour as optimizer_colour
from keras_lion.report.style import optimizer_label as optimizer_label
from keras_lion.report.style import optimizer_line as optimizer_line
from keras_lion.report.style import optimizer_marker as optimizer_marker
from keras_lion.report.style import quantity_of as quantity_of
from keras_lion.report.tensorboard_export import write_tensorboard as write_tensorboard
from keras_lion.report.theory_panel import (
    plot_measured_and_predicted as plot_measured_and_predicted,
)
from keras_lion.report.theory_panel import theory_figure as theory_figure
from keras_lion.report.transfer_curve import plot_transfer as plot_transfer
from keras_lion.report.transfer_curve import transfer_figure as transfer_figure
from keras_lion.report.window_agreement_map import (
    plot_shifted_windows as plot_shifted_windows,
)
from keras_lion.report.window_agreement_map import plot_sub_windows as plot_sub_windows
from keras_lion.report.window_agreement_map import (
    window_agreement_figure as window_agreement_figure,
)
from keras_lion.report.write import write_report as write_report

__all__ = [
    "Quantity",
    "batch_size_figure",
    "best_of_k_figure",
    "collapse_figure",
    "colour_limits",
    "divergence_figure",
    "heatmap_figure",
    "iso_product_figure",
    "isolation_figure",
    "learning_curves_figure",
    "optimizer_colour",
    "optimizer_label",
    "optimizer_line",
    "optimizer_marker",
    "plot_best_hyperparameter",
    "plot_best_of_k",
    "plot_best_scores",
    "plot_collapse",
    "plot_divergence",
    "plot_heatmap_pair",
    "plot_iso_product_lines",
    "plot_isolation",
    "plot_landscape",
    "plot_learning_curves",
    "plot_measured_and_predicted",
    "plot_over_product",
    "plot_regret_profile",
    "plot_rule_of_thumb",
    "plot_shifted_windows",
    "plot_sub_windows",
    "plot_transfer",
    "quantity_of",
    "regret_profile_figure",
    "rule_of_thumb_figure",
    "theory_figure",
    "transfer_figure",
    "window_agreement_figure",
    "write_report",
    "write_tensorboard",
]
