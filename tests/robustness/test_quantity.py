"""What the scores of some runs are: name, unit and direction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness.frames.quantity import quantity_of_record, quantity_of_runs
from keras_lion.statistics import t_interval


def runs(**columns):
    return pd.DataFrame([{"preset": "full", **columns}])


@pytest.mark.parametrize(
    ("columns", "unit"),
    [
        ({"metric": "loss"}, "nats"),  # a record from before the column
        ({"metric": "loss", "likelihood": 1}, "nats"),
        ({"metric": "loss", "likelihood": 0}, ""),
        ({"metric": "loss", "likelihood": float("nan"), "preset": "import"}, ""),
        ({"metric": "accuracy"}, "%"),
    ],
)
def test_only_likelihoods_are_in_nats(columns, unit):
    assert quantity_of_runs(runs(**columns)).unit == unit


def test_a_negated_metric_of_ones_own_is_shown_positive():
    quantity = quantity_of_runs(runs(metric="rmse", lower_is_better=1))
    assert quantity.label == "rmse"
    assert quantity.text(-0.25) == "0.250"
    assert quantity.smaller_is_better
    assert quantity_of_runs(runs(metric="r2", lower_is_better=0)).text(0.5) == "0.500"


def test_losses_and_accuracies_do_not_depend_on_the_flag():
    for metric in ("loss", "accuracy", "steps_to_target"):
        with_flag = quantity_of_runs(runs(metric=metric, lower_is_better=1))
        assert with_flag == quantity_of_runs(runs(metric=metric))


@pytest.mark.parametrize(
    ("metric", "lower", "scores", "bounds"),
    [
        ("Val Acc [%]", 0, [10.0, 93.0], (0, 100)),
        ("val_acc", 0, [10.0, 93.0], (0, 100)),
        ("val_acc", 0, [0.1, 0.93], (0, 1)),
        ("Top-1 [%]", 0, [0.4, 0.9], (0, 100)),
        ("error (%)", 1, [-90.0, -7.0], (-100, 0)),
        ("error (%)", 1, [-190.0, -7.0], (-np.inf, 0)),
        ("rmse", 1, [-0.5, -0.1], (-np.inf, 0)),
        ("rmse", 1, [-0.5, 0.1], (-np.inf, np.inf)),
        ("reward", 0, [-3.0, 90.0], (-np.inf, np.inf)),
    ],
)
def test_bounds_follow_the_name_and_the_values(metric, lower, scores, bounds):
    quantity = quantity_of_runs(runs(metric=metric, lower_is_better=lower))
    assert quantity.around(np.array([*scores, np.nan])).bounds == bounds


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        ({"metric": "accuracy"}, "test accuracy (%)"),
        ({"metric": "steps_to_target"}, "test accuracy (%)"),
        ({"metric": "rmse", "lower_is_better": 1}, "test rmse"),
        ({"metric": "Val Acc [%]"}, "test score: Val Acc [%]"),
    ],
)
def test_the_test_set_has_a_heading_of_its_own(columns, label):
    assert quantity_of_runs(runs(**columns)).tested.label == label


def test_a_few_equal_scores_give_no_interval():
    quantity = quantity_of_runs(runs(metric="accuracy"))
    assert quantity.interval(t_interval([0.636, 0.636])) == "63.6 (n=2, equal)"
    assert "[" in quantity.interval(t_interval([0.636, 0.637]))


def test_one_record_is_as_many():
    record = {"metric": "rmse", "lower_is_better": 1, "history": {"loss": [1.0, 0.5]}}
    assert quantity_of_record(record) == quantity_of_runs(pd.DataFrame([record]))
