import numpy as np
import pandas as pd
import pytest

from keras_lion.statistics import t_interval
from studies.discovery_figures import (
    best_fitness_figure,
    hitting_times_figure,
    meta_validation_figure,
    search_rates_figure,
)


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def windows():
    return pd.DataFrame(
        [
            {
                "seed": seed,
                "num_children": n,
                "hit_rate": 0.5 + 0.1 * seed + n / 10_000,
                "redundancy": 0.4,
                "redundancy_per_step": 0.2,
            }
            for seed in (0, 1, 2)
            for n in (1024, 2016)
        ]
    )


def test_rates_are_means_over_searches_with_their_interval():
    ax = search_rates_figure(windows()).axes[0]
    line = lines(ax)["children known to the cache"]
    assert list(line.get_xdata()) == [1024, 2016]
    np.testing.assert_allclose(line.get_ydata(), [60 + 10.24, 60 + 20.16])
    expected = t_interval([50 + 10.24, 60 + 10.24, 70 + 10.24])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(expected.low)
    np.testing.assert_allclose(
        lines(ax)["statements that do nothing"].get_ydata(), [40, 40]
    )
    one = search_rates_figure(windows().query("seed == 0"))
    assert not one.axes[0].collections


def test_best_fitness_ends_where_not_every_search_goes_on():
    rows = [
        {"method": method, "seed": seed, "evaluations": n, "best": best + seed}
        for method, best in (("evolution", 0.6), ("random", 0.1))
        for seed in (0, 1)
        for n in (1, 10, 100)
        if (method, seed, n) != ("evolution", 1, 100)
    ]
    found = lines(best_fitness_figure(pd.DataFrame(rows)).axes[0])
    assert list(found["search"].get_xdata()) == [1, 10]
    assert list(found["random programs"].get_xdata()) == [1, 10, 100]
    np.testing.assert_allclose(found["search"].get_ydata(), 1.1)


def test_searches_that_gave_up_count_as_not_found():
    columns = ["target", "variant", "found", "num_evaluations"]
    rows = [
        ["signum", "search", True, 30],
        ["signum", "search", False, 90],
        ["signum", "search", True, 10],
        ["signum", "without aging", False, 50],
        ["lion", "search", False, 40],
    ]
    times = pd.DataFrame(rows, columns=columns)
    times["num_evaluations_without_cache"] = 2 * times["num_evaluations"]
    signum, lion = hitting_times_figure(times).axes
    found = lines(signum)
    assert list(found["search"].get_xdata()) == [1, 10, 30, 90]
    np.testing.assert_allclose(
        found["search"].get_ydata(), [0, 100 / 3, 200 / 3, 200 / 3]
    )
    assert list(found["without cache"].get_xdata()) == [1, 20, 60, 180]
    assert max(found["without aging"].get_ydata()) == 0
    assert signum.get_title() == "Signum"
    assert list(lines(lion)["search"].get_xdata()) == [1, 40]


def test_rings_mark_where_overfitting_begins():
    columns = ["seed", "factor", "num_children", "fitness", "meta_fitness"]
    rows = [
        [0, 10, 0, 0.1, 0.2],
        [0, 10, 50, 0.2, 0.4],
        [0, 10, 100, 0.3, 0.4],
        [0, 10, 150, 0.5, -np.inf],
    ]
    (ax,) = meta_validation_figure(pd.DataFrame(rows, columns=columns)).axes
    ax.figure.draw_without_rendering()
    small, curve, ring = ax.lines
    assert list(small.get_ydata()) == [0.1, 0.2, 0.3, 0.5]
    assert list(curve.get_ydata()) == [0.2, 0.4, 0.4, 0]
    np.testing.assert_array_equal(ring.get_xydata(), [[100, 0.4]])
    assert curve.get_label() == "10 × the compute"
