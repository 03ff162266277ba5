"""Figures and the report of a study."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Quantity": ".style",
        "colour_limits": ".heatmap",
        "heatmap_figure": ".heatmap",
        "optimizer_colour": ".style",
        "optimizer_label": ".style",
        "plot_heatmap_pair": ".heatmap",
        "plot_landscape": ".heatmap",
        "quantity_of": ".style",
        "write_report": ".write",
    },
)
