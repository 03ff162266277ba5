"""Whether larger values of a metric are better, for every metric of Keras."""

from __future__ import annotations

import inspect

import keras
import pytest

from keras_lion.tuning.metric_names import direction_of

CLASSES = {
    name
    for name, each in vars(keras.metrics).items()
    if inspect.isclass(each) and issubclass(each, keras.metrics.Metric)
}
# Averages of anything, and counts of which nobody makes a score.
SILENT = {"Metric", "Mean", "MeanMetricWrapper", "Sum"}
COUNTS = {"TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"}
ERRORS = {
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
}


@pytest.mark.parametrize("name", sorted(CLASSES - COUNTS))
def test_every_metric_of_keras(name):
    expected = None if name in SILENT else "min" if name in ERRORS else "max"
    assert direction_of(name) == expected


def test_the_errors_are_metrics_of_keras():
    assert ERRORS | SILENT | COUNTS <= CLASSES


@pytest.mark.parametrize("name", ["neg_mse", "spread", "error_rate_accuracy", ""])
def test_other_names_say_nothing(name):
    assert direction_of(name) is None
