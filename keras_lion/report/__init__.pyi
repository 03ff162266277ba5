from .elements.style import optimizer_label as optimizer_label
from .elements.style import quantity_of as quantity_of
from .figures.batch_size_curve import batch_size_figure as batch_size_figure
from .figures.best_of_k import best_of_k_figure as best_of_k_figure
from .figures.collapse import collapse_figure as collapse_figure
from .figures.divergence_map import divergence_figure as divergence_figure
from .figures.heatmap import heatmap_figure as heatmap_figure
from .figures.iso_product_lines import iso_product_figure as iso_product_figure
from .figures.isolation import isolation_figure as isolation_figure
from .figures.learning_curves import learning_curves_figure as learning_curves_figure
from .figures.regret_profile import regret_profile_figure as regret_profile_figure
from .figures.rule_of_thumb_curve import rule_of_thumb_figure as rule_of_thumb_figure
from .figures.window_agreement_map import (
    window_agreement_figure as window_agreement_figure,
)
from .tensorboard_export import write_tensorboard as write_tensorboard
from .write import write_report as write_report
