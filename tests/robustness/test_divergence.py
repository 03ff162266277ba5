"""Which way a grid has to move of which most runs diverged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness.cautions.divergence import (
    divergence_advice,
    fate_of_run,
    search_advice,
)
from keras_lion.robustness.landscape import Landscape

RATES = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
LOW = {"reason": "final accuracy 0.43 is chance (at most 0.45)"}
LOW |= {"initial_loss": 0.7, "final_loss": 0.69}
HIGH = {"reason": "a training loss or a weight is not finite"}
HIGH |= {"initial_loss": 0.7, "final_loss": np.nan}
BLOWN = LOW | {"final_loss": 5.0}
IMPORTED = {"reason": "not trained", "initial_loss": np.nan, "final_loss": np.nan}


def landscape(trained):
    diverged = ~np.isin(np.arange(5), trained)
    return Landscape(RATES, [0.1], [np.where(diverged, 0.1, 0.9)], diverged=[diverged])


@pytest.mark.parametrize(
    ("trained", "said"),
    [
        ([3, 4], "below 0.1: move the grid to higher learning rates"),
        ([0], "above 0.0001: move the grid to lower learning rates"),
        ([2], "only learning_rate = 0.01 trains"),
        ([1, 2], "only learning rates from 0.001 to 0.01 train"),
    ],
)
def test_the_place_of_what_trains_decides(trained, said):
    advice = divergence_advice(landscape(trained))
    assert said in advice
    assert ("smaller steps" in advice) == ("only" in said)


def test_a_high_decay_can_be_the_reason():
    diverged = np.array([[False] * 2, [True] * 2, [True] * 2])
    scores = np.where(diverged, 0.1, 0.9)
    advice = divergence_advice(
        Landscape(RATES[:2], [0.1, 1, 10], scores, diverged=diverged)
    )
    assert "above 0.1: move the grid to lower weight decays" in advice


def test_nothing_is_said_where_most_runs_train():
    assert divergence_advice(landscape([0, 1, 2])) == ""


@pytest.mark.parametrize(
    ("runs", "fate"),
    [
        (LOW, "undertrained"),
        (HIGH, "broke down"),
        (BLOWN, "broke down"),
        (IMPORTED, "unknown"),
        ({"reason": None}, "unknown"),
        ({"reason": np.nan}, "unknown"),
    ],
)
def test_the_fate_of_a_run(runs, fate):
    assert fate_of_run(pd.Series(runs, dtype=object)) == fate


@pytest.mark.parametrize(
    ("fates", "said"),
    [
        ([LOW] * 5, "to higher learning rates"),
        ([HIGH] * 5, "to lower learning rates"),
        ([LOW] * 3 + [HIGH] * 2, "up to learning_rate = 0.01 and broke down from 0.1"),
        ([HIGH] * 2 + [LOW] * 3, "do not show"),
        ([IMPORTED] * 5, "do not show"),
    ],
)
def test_where_nothing_trains_the_reasons_decide(fates, said):
    runs = pd.DataFrame(
        [
            {"learning_rate": rate, "status": "diverged", **fate}
            for rate, fate in zip(RATES, fates, strict=True)
        ]
    )
    assert said in divergence_advice(landscape([]), runs)
    assert "do not show" in divergence_advice(landscape([]))


OK = {"status": "ok", "reason": None, "initial_loss": 0.7, "final_loss": 0.1}


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([LOW, LOW, LOW, OK, OK], "below 0.1: move the range to higher learning rates"),
        ([OK, OK, HIGH, HIGH, HIGH], "above 0.001: move the range to lower"),
        ([LOW, LOW, OK, HIGH, HIGH], "from 0.01 to 0.01 train: search these"),
        ([OK, HIGH, HIGH, HIGH, OK], "move the range to lower learning rates"),
        ([OK, HIGH, LOW, HIGH, OK], "side by side"),
        ([OK, IMPORTED, IMPORTED, IMPORTED, OK], "side by side"),
        ([LOW] * 5, "move the range to higher learning rates, or train longer"),
        ([HIGH] * 5, "move the range to lower learning rates"),
        ([IMPORTED] * 5, "move the range of learning rates, and check that one run"),
    ],
)
def test_a_search_is_sent_where_training_is(runs, said):
    records = [
        {"learning_rate": rate, "status": "diverged", **each}
        for rate, each in zip(RATES, runs, strict=True)
    ]
    assert said in search_advice(pd.DataFrame(records))
