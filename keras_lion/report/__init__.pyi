from keras_lion.report.heatmap import colour_limits as colour_limits
from keras_lion.report.heatmap import heatmap_figure as heatmap_figure
from keras_lion.report.heatmap import plot_heatmap_pair as plot_heatmap_pair
from keras_lion.report.heatmap import plot_landscape as plot_landscape
from keras_lion.report.style import Quantity as Quantity
from keras_lion.report.style import optimizer_colour as optimizer_colour
from keras_lion.report.style import optimizer_label as optimizer_label
from keras_lion.report.style import quantity_of as quantity_of
from keras_lion.report.write import write_report as write_report

__all__ = [
    "Quantity",
    "colour_limits",
    "heatmap_figure",
    "optimizer_colour",
    "optimizer_label",
    "plot_heatmap_pair",
    "plot_landscape",
    "quantity_of",
    "write_report",
]
