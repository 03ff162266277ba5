"""What the scores of some runs are: name, unit and direction."""

from __future__ import annotations

import pandas as pd
import pytest

from keras_lion.robustness.quantity import quantity_of_record, quantity_of_runs


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


def test_one_record_is_as_many():
    record = {"metric": "rmse", "lower_is_better": 1, "history": {"loss": [1.0, 0.5]}}
    assert quantity_of_record(record) == quantity_of_runs(pd.DataFrame([record]))
