"""The simulation of the recipe: its surfaces, its prior and its page."""

import json

import numpy as np
import pandas as pd
import pytest

from keras_lion.tuning.recipe.model import CANDIDATES
from keras_lion.tuning.recipe.prior import FILE as PRIOR
from keras_lion.tuning.recipe.prior import fitted_prior
from studies import recipe_page
from studies.recipe import FILE, interval
from studies.recipe_prior import greedy_order
from studies.recipe_surfaces import Surface

KEPT = json.loads(FILE.read_text("utf-8"))


def surface(loss, seeds=(0.0,)):
    """Of a grid of 3 × 3 cells, a decade apart."""
    rows = [
        {"learning_rate": r, "weight_decay": w, "loss": loss(r, w) + s}
        for r in (1e-3, 1e-2, 1e-1)
        for w in (0.1, 1.0, 10.0)
        for s in seeds
    ]
    return Surface(pd.DataFrame(rows))


def test_a_surface_is_linear_in_the_logarithms():
    def loss(rate, decay):
        return 2 * np.log10(rate) - 3 * np.log10(decay)

    found = surface(loss)
    rate, decay = 10**-1.7, 10**0.2
    assert found.mean([(rate, decay)])[0] == pytest.approx(-loss(rate, decay))
    # Outside of the grid the nearest cell counts.
    assert found.mean([(1.0, 100.0)])[0] == pytest.approx(-loss(0.1, 10.0))


def test_runs_are_as_noisy_as_the_recorded_ones():
    found = surface(lambda rate, decay: 1.0, seeds=(-0.1, 0.0, 0.1))
    draw = np.random.default_rng(0)
    runs = [found.run(3e-2, 0.3, draw) for _ in range(4_000)]
    assert np.mean(runs) == pytest.approx(-1.0, abs=0.01)
    assert np.std(runs) == pytest.approx(np.std([-0.1, 0, 0.1], ddof=1), rel=0.05)
    assert found.noise == pytest.approx(0.1)


class View:
    def __init__(self, peak, weight=1.0):
        away = [(r - peak[0]) ** 2 + (d - peak[1]) ** 2 for r, d in CANDIDATES]
        self.regret = np.minimum(np.array(away), 1.0)
        self.weight = weight


def test_the_order_covers_the_peaks_by_their_weight():
    views = [View((0, 0)), View((1, 1), 1.0), View((-1, -1), 3.0)]
    assert greedy_order(views, 3) == ((-1.0, -1.0), (1.0, 1.0))


def test_an_interval_of_equal_regrets_has_no_width():
    regrets = np.full((4, 5, 3), 2.5)
    assert interval(regrets) == [[2.5, 2.5, 2.5]] * 3
    assert interval(regrets, regrets + 1) == [[-1.0, -1.0, -1.0]] * 3
    assert interval(regrets + 100)[0][0] == 20.0  # the cap


def test_the_file_of_the_prior_is_written_as_it_is_read():
    assert json.loads(PRIOR.read_text("utf-8")) == json.loads(
        json.dumps(fitted_prior().as_json())
    )


def test_the_page_says_what_was_simulated():
    page = (recipe_page.ROOT / recipe_page.PAGE).read_text("utf-8")
    assert recipe_page.updated(page, recipe_page.blocks(KEPT)) == page


@pytest.mark.parametrize("budget", ["4", "8", "16"])
def test_equal_optimizers_are_hardly_ever_told_apart(budget):
    assert np.mean(KEPT["switched"][budget]["0"]) <= 0.05


@pytest.mark.parametrize(
    "method", [name for name in KEPT["regrets"] if name != "recipe"]
)
def test_no_other_method_is_shown_to_be_better(method):
    own, other = (np.array(KEPT["regrets"][name]) for name in ("recipe", method))
    for _, _, high in interval(other, own):
        assert high >= 0
