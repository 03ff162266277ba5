"""Shares of the variance that lr × λ, lr / λ, lr and λ explain."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness.effective_decay.explained import (
    explained,
    explained_sentence,
)

EXPONENTS = np.arange(5) / 2


def runs(loss, *, spoiled=()):
    return pd.DataFrame(
        [
            {
                "optimizer": "lion",
                "learning_rate": 1e-3 * 10**i,
                "weight_decay": 0.1 * 10**j,
                "seed": seed,
                "status": "diverged" if (i, j, seed) in spoiled else "ok",
                "initial_loss": 9.0,
                "final_loss": loss(i, j),
                "score": -2 * loss(i, j),
                "kappa": 10 ** (i + j - 1),
            }
            for i in EXPONENTS
            for j in EXPONENTS
            for seed in range(2)
        ]
    )


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (lambda i, j: (i + j - 2) ** 2, "lr × λ"),
        (lambda i, j: (i - j) ** 3, "lr / λ"),
        (lambda i, j: (i - 1) ** 2 + i, "lr"),
        (lambda i, j: j**3 - j, "λ"),
    ],
)
def test_what_decides_explains_everything(loss, name):
    found = explained(runs(loss), optimizer="lion")
    shares = {
        "lr × λ": found.product,
        "lr / λ": found.ratio,
        "lr": found.learning_rate,
        "λ": found.weight_decay,
    }
    assert found.leading == name
    assert shares.pop(name) == pytest.approx(1)
    assert max(shares.values()) < 0.9
    assert (found.num_cells, found.num_left_out) == (25, 0)


def test_scores_and_losses_of_one_shape_agree():
    frame = runs(lambda i, j: (i + j) ** 2)
    assert explained(frame, optimizer="lion", value="score").product == pytest.approx(
        explained(frame, optimizer="lion").product
    )


def test_cells_that_did_not_train_are_counted_and_take_no_part():
    def loss(i, j):
        return 100.0 if (i, j) == (2.0, 2.0) else (i + j) ** 2 / 9

    found = explained(runs(loss, spoiled={(0.0, 0.0, 1)}), optimizer="lion")
    assert (found.num_cells, found.num_left_out) == (23, 2)
    assert found.product == pytest.approx(1)


def test_kappa_selects_cells():
    # The product decides above κ = 10, the learning rate below.
    frame = runs(lambda i, j: i + j if i + j >= 2 else i)
    assert explained(frame, optimizer="lion", least_kappa=9.9).product == pytest.approx(
        1
    )
    assert explained(frame, optimizer="lion", most_kappa=9.9).leading == "lr"


def test_too_few_cells_explain_nothing():
    found = explained(runs(lambda i, j: i), optimizer="lion", least_kappa=900)
    assert math.isnan(found.product)
    assert found.leading == ""
    equal = explained(runs(lambda i, j: 1.0), optimizer="lion")
    assert math.isnan(equal.weight_decay)


def test_the_sentence_names_each_optimizer_that_has_cells():
    lion = runs(lambda i, j: (i + j - 2) ** 2)
    adamw = runs(lambda i, j: i).assign(optimizer="adamw")
    frame = pd.concat([lion, adamw]).assign(metric="accuracy")
    found = explained_sentence(frame, ["lion", "adamw"], label=str.upper)
    assert found.startswith("lr × λ explains 100 % (LION) and ")
    assert "of the variance of the validation loss" in found
    few = frame[(frame["optimizer"] == "lion") | (frame["kappa"] > 900)]
    alone = explained_sentence(few, ["lion", "adamw"])
    assert "(lion)" in alone
    assert "adamw" not in alone
    assert explained_sentence(frame[frame["kappa"] < 3], ["lion", "adamw"]) == ""
    assert explained_sentence(frame.drop(columns="kappa"), ["lion"]) == ""


def test_the_sentence_leaves_out_cells_with_little_decay():
    # Below κ = 3 the learning rate decides, above it the product.
    frame = runs(lambda i, j: i + j if i + j >= 1.5 else 9 * i).assign(metric="loss")
    assert "explains 100 % (lion)" in explained_sentence(frame, ["lion"])


def test_of_one_learning_rate_nothing_can_be_told_apart():
    frame = runs(lambda i, j: j**2).assign(metric="loss")
    one = frame[frame["learning_rate"] == frame["learning_rate"].max()]
    many = pd.concat(
        [one.assign(weight_decay=k * one["weight_decay"]) for k in (1, 2, 3)]
    )
    assert explained(many, optimizer="lion", least_kappa=3).num_cells >= 8
    assert explained_sentence(many, ["lion"]) == ""
