"""Every figure of landscapes: odd grids are drawn, and nothing is an error."""

import numpy as np
import pytest

from keras_lion import report
from keras_lion.robustness import Landscape

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01]
MEANS = np.array([[0.5, 0.6, 0.3], [0.4, 0.8, 0.2]])
ODD = {
    "no decay": Landscape([1e-3, 1e-2], [0], [[0.5, 0.6]]),
    "one cell": Landscape([1e-3], [0.1], [[0.5]]),
    "nothing trained": Landscape(RATES, DECAYS, MEANS, floor=0.1, diverged=MEANS > 0),
    "cells missing": Landscape(RATES, DECAYS, np.where(MEANS > 0.45, MEANS, np.nan)),
    "no runs": Landscape(RATES, DECAYS, np.full((2, 3), np.nan)),
    "uneven": Landscape([1e-3, 2e-3, 9e-3], [0.1, 1], [[0.5, np.nan, 0.2]] * 2),
    "two seeds": Landscape(RATES, DECAYS, np.stack([MEANS, MEANS - 0.1], axis=-1)),
}
FIGURES = {
    "heatmap": report.heatmap_figure,
    "heatmap with outline": lambda each: report.heatmap_figure(each, epsilon=0.02),
    "isolation": report.isolation_figure,
    "aligned": lambda each: report.isolation_figure(each, aligned=True),
    "regret profile": lambda each: report.regret_profile_figure(each, epsilon=0.02),
    "best of k": report.best_of_k_figure,
    "collapse": report.collapse_figure,
    "divergence": report.divergence_figure,
}
SAYS = {  # in a panel, where there is nothing to draw
    ("isolation", "no runs"): "no run finished",
    ("regret profile", "no runs"): "no run finished",
    ("best of k", "no runs"): "no run finished",
    ("collapse", "no runs"): "no run finished",
    ("collapse", "no decay"): "no weight decay",
}


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("odd", ODD)
def test_odd_landscapes(figure, odd):
    drawn = FIGURES[figure]({"an optimizer": ODD[odd]})
    drawn.draw_without_rendering()
    if (figure, odd) in SAYS:
        assert SAYS[figure, odd] in [text.get_text() for text in drawn.axes[0].texts]
    FIGURES[figure]({"lion": ODD["two seeds"], "adamw": ODD[odd]})


@pytest.mark.parametrize("figure", FIGURES)
def test_no_optimizer(figure):
    with pytest.raises(ValueError, match="needs an optimizer"):
        FIGURES[figure]({})
