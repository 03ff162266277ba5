"""Figure 8 of the Lion paper: the numbers, and what the measures say of them."""

import runpy
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from keras_lion.robustness.cautions.missed_optimum import worst_regret
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.robustness.landscape import common_best
from keras_lion.robustness.paper import paper_figure_8, paper_landscape
from keras_lion.robustness.regret import (
    mean_regret,
    regret_profile_area,
    regrets,
)
from keras_lion.robustness.sensitivity import (
    learning_rate_sensitivity,
    variance_shares,
    weight_decay_sensitivity,
)
from keras_lion.robustness.tolerance import tolerance_fraction
from keras_lion.robustness.tuning_budget import expected_best_of

from .made_up import ADAMW, LION

STUDY = Path(__file__).parents[2] / "studies" / "paper_figure_8.py"
L = paper_landscape("lion")
BEST_OF = {
    "v": (76.951, 77.369, 77.483, 77.540, 77.558),
    "u": (76.951, 77.421, 77.519, 77.555, 77.570),
}


def shares():
    found = variance_shares(L)
    return found.learning_rate, found.weight_decay, found.interaction


def golden_rows():
    """What was computed by other code from the same nine cells, as it was printed."""
    yield "best", (77.57, 5e-4, 2.0), (L.best.value, *at(L.best))
    yield "range", 2.68, np.ptp(L.means)
    yield "standard deviation", 0.918, L.means.std(ddof=1)
    yield "mean regret", 0.619, mean_regret(L)
    yield "median regret", 0.10, np.median(regrets(L))
    yield "mean regret by area", 0.512, mean_regret(L, weights="trapezoid")
    yield "mean regret to the common best", 0.619, mean_regret(L, 77.57)
    found = [tolerance_fraction(L, e) for e in (0.25, 0.5, 1, 2)]
    yield "fraction", (0.556, 0.667, 0.778, 0.889), found
    yield "fraction of the common best", 0.778, tolerance_fraction(L, 1, 77.57)
    # 13/16 exactly, printed as 0.812
    yield "fraction by area", 0.8125, tolerance_fraction(L, 1, weights="trapezoid")
    found = [regret_profile_area(L, largest) for largest in (1, 2, 5)]
    yield "profile area", (0.621, 0.728, 0.876), found
    found = [learning_rate_sensitivity(L, decay) for decay in L.weight_decay]
    yield "sensitivity of rows", (0.917, 0.480, 0.020), found
    yield "sensitivity to lr", 0.020, learning_rate_sensitivity(L)
    yield "sensitivity to decay", 0.147, weight_decay_sensitivity(L)
    worst = worst_regret(L, 2)
    found = (worst.regret, worst.observed, worst.expected)
    yield "worst regret", (1.48, 4, 9), found
    for estimator, expected in BEST_OF.items():
        found = [expected_best_of(L, k, estimator) for k in (1, 2, 3, 5, 9)]
        yield f"best of k ({estimator})", expected, found
    yield "shares", (0.398, 0.360, 0.242), shares()


def at(best):
    return best.learning_rate, best.weight_decay


def test_golden_values_to_the_printed_digits():
    rows = list(golden_rows())
    assert len(rows) == 18
    for name, expected, found in rows:
        for one, other in zip(
            np.atleast_1d(expected), np.atleast_1d(found), strict=True
        ):
            digits = len(f"{one:.10f}".rstrip("0").partition(".")[2])
            assert round(float(other), digits) == one, name


def test_the_file_holds_the_figure():
    for optimizer, cells in (("lion", LION), ("adamw", ADAMW)):
        landscape = paper_landscape(optimizer)
        for name in ("learning_rate", "weight_decay"):
            np.testing.assert_array_equal(getattr(landscape, name), cells[name])
        np.testing.assert_array_equal(landscape.means, cells["scores"])
    figure = paper_figure_8()
    assert len(figure) == 9 + 9 + 6 + 6
    assert not figure.duplicated().any()
    curve = figure[figure["panel"] == "batch_size"].pivot(
        index="batch_size", columns="optimizer", values="top_1"
    )
    assert curve.index.tolist() == [64, 256, 1024, 4096, 2**14, 2**15]
    gaps = (curve["lion"] - curve["adamw"]).round(2).tolist()
    assert gaps == [0.04, 0.18, 0.3, 0.63, 0.91, 2.48]
    assert curve.idxmax().to_dict() == {"adamw": 256, "lion": 4096}
    errors = figure.groupby("panel")["error"].unique().map(list).to_dict()
    assert errors == {"batch_size": [0.03], "heatmap": [0.05]}
    # The centre of a heat map is the recipe of a table that the authors print.
    for optimizer, printed in (("adamw", 75.48), ("lion", 77.44)):
        assert paper_landscape(optimizer).means[1, 1] == pytest.approx(printed, abs=0.2)


def test_the_file_names_its_source():
    text = (files("keras_lion.robustness") / "paper_figure_8.csv").read_text("utf-8")
    header = [line for line in text.splitlines() if line.startswith("#")]
    assert "2302.06675" in " ".join(header)
    assert "lion/fig/ablation.png" in " ".join(header)


def test_an_optimizer_that_the_figure_lacks():
    with pytest.raises(ValueError, match="'adamw' or 'lion'. Received: 'sgd'"):
        paper_landscape("sgd")


def test_both_optima_lie_on_the_edge_of_their_grids():
    sides = [(x.axis, x.side, x.limit) for x in boundary_optimum(L)]
    assert sides == [
        ("learning_rate", "low", "range"),
        ("weight_decay", "high", "range"),
    ]
    (side,) = boundary_optimum(paper_landscape("adamw"))
    assert (side.axis, side.side) == ("learning_rate", "high")
    assert side.next_values == pytest.approx((1.2e-2, 2.4e-2))
    assert common_best([L, paper_landscape("adamw")]) == 77.57


def test_the_study_prints_what_the_measures_say():
    study = runpy.run_path(str(STUDY))
    said = study["table"]()
    assert said.loc["mean regret"].tolist() == ["4.118", "0.619"]
    assert said.loc["width of learning rate", "lion"] == "≥ 0.60 decades"
    assert said.loc["best of 3", "lion"] == "77.52"
    # AdamW's (6e-3, 0.3) leads to (1e-3, 1.8) at 6, and beyond Lion's grid at 2 and 8.
    regret = study["rule_of_thumb"]()["regret"]
    part = np.log(1.8) / np.log(2)
    expected = 77.57 - (77.50 * (1 - part) + 77.54 * part)
    assert float(regret[6]) == pytest.approx(expected, abs=0.005)
    assert regret[2] == regret[8] == "outside the window"


def test_the_study_runs(capsys):
    runpy.run_path(str(STUDY), run_name="__main__")
    printed = capsys.readouterr().out
    assert "mean regret" in printed
    assert "32768" in printed
