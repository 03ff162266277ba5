"""Cautions: their order, what is merged, and advice that can be pasted."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_lion.robustness import Landscape
from keras_lion.robustness.cautions.cautions import (
    LEADING,
    cautions_of,
    leading,
    ranked_cautions,
)
from keras_lion.robustness.cautions.edge_cautions import edge_cautions
from keras_lion.robustness.frames.quantity import ACCURACY, LOSS
from keras_lion.tuning import Axis
from keras_lion.tuning.study.extension import Extension
from tests.robustness.made_up import run

RATES = Axis.geometric("learning_rate", centre=1e-3, ratio=math.sqrt(10), num=5).values
INSIDE, LOW, HIGH = 2, 0, 4


def landscape(best, quantity, rates=RATES, seeds=6):
    """The best cell at one of the rates."""
    scores = -0.1 * np.abs(np.arange(len(rates)) - best) - 0.1
    scores += 0.6 if quantity is ACCURACY else 0.0
    cells = np.repeat(np.repeat(scores[None, :, None], 1, 0), seeds, 2)
    return Landscape(rates, [0.1], cells, quantity=quantity)


def cautions(loss, accuracy, names=("lion",), **options):
    landscapes = {
        "final_loss": {name: landscape(loss, LOSS, **options) for name in names},
        "score": {name: landscape(accuracy, ACCURACY, **options) for name in names},
    }
    runs = pd.DataFrame([run(name) for name in names])
    return ranked_cautions(landscapes, runs, value="final_loss", epsilon=0.05)


@pytest.mark.parametrize(
    ("loss", "accuracy", "expected"),
    [
        (INSIDE, INSIDE, None),
        (
            HIGH,
            HIGH,
            "lion: the best validation loss and the best validation accuracy lie on "
            "the high learning_rate edge of the grid (learning_rate = 0.01): the "
            "optimum may lie beyond it.",
        ),
        (
            LOW,
            HIGH,
            "lion: the best validation loss lies on the low learning_rate edge of the "
            "grid (learning_rate = 0.0001), the best validation accuracy on the high "
            "one (0.01): they ask for opposite changes,",
        ),
        (
            LOW,
            INSIDE,
            "lion: the best validation loss lies on the low learning_rate edge of the "
            "grid (learning_rate = 0.0001) and its optimum may lie beyond it; the best "
            "validation accuracy lies at 0.001.",
        ),
        (
            INSIDE,
            HIGH,
            "lion: the best validation accuracy lies on the high learning_rate edge of "
            "the grid (learning_rate = 0.01) and its optimum may lie beyond it; the "
            "best validation loss lies at 0.001.",
        ),
    ],
)
def test_loss_and_accuracy_have_one_sentence(loss, accuracy, expected):
    found = cautions(loss, accuracy)
    assert len(found) == (expected is not None)
    for text in found:
        assert text.startswith(expected)
    extended = {"down" * (LOW in (loss, accuracy)), "up" * (HIGH in (loss, accuracy))}
    for way in extended - {""}:
        assert f"learning_rate={way}:2" in found[0]


def test_what_is_true_of_all_is_said_once():
    found = cautions(INSIDE, INSIDE, ("lion", "adamw", "sgd"), seeds=1)
    assert found == [
        "lion, adamw and sgd: the best cell has one seed: the numbers are indicative."
    ]


def test_the_gravest_lead():
    landscapes = {
        "score": {
            "few": landscape(INSIDE, ACCURACY, seeds=2),
            "edge": landscape(HIGH, ACCURACY),
            "none": Landscape([1], [1], [[math.nan]]),
        }
    }
    runs = pd.DataFrame([run("few", cautious=True), run("edge", cautious=False)])
    found = ranked_cautions(
        landscapes, runs, value="score", epsilon=0.05, failures=["1 run failed."]
    )
    first, rest = leading(found)
    assert len(first) == LEADING == 3
    assert first[0] == "none: no run has finished."
    assert first[1] == "1 run failed."
    assert first[2].startswith("edge: the best validation accuracy lies on the high")
    assert "few: the best cell has 2 seeds" in rest[-1]
    assert [*first, *rest] == found
    assert leading(found[:2]) == (found[:2], [])


def test_an_edge_of_the_learning_rate_stands_before_one_of_the_decay():
    """Whatever the order of the optimizers; and none of them is said to be harmless."""
    scores = np.array([[0.50, 0.50, 0.50], [0.50, 0.52, 0.51], [0.50, 0.53, 0.51]])
    decay = Landscape([1, 2, 4], [0, 1, 2], scores)
    rate = Landscape([1, 2, 4], [1, 2, 4], [[1, 2, 3], [1, 2, 4], [1, 2, 3]])
    landscapes = {"score": {"decay": decay, "rate": rate}}
    runs = pd.DataFrame([run("decay"), run("rate")])
    found = ranked_cautions(landscapes, runs, value="score", epsilon=0.05)
    assert "rate: the best score lies on the high learning_rate edge" in found[0]
    assert "decay: the best score lies on the high weight_decay edge" in found[1]
    assert any("decay is inert" in each for each in found)
    assert not any("matters little" in each for each in found)


grids = st.tuples(
    st.integers(1, 99).map(lambda n: n / 10),
    st.integers(-6, 1),
    st.sampled_from([2, 3, 4, 10, math.sqrt(10), 10 ** (1 / 3)]),
    st.integers(2, 7),
)


@given(grids, st.booleans())
def test_advice_can_be_pasted(grid, high):
    mantissa, power, ratio, num = grid
    axis = Axis.geometric(
        "learning_rate", centre=float(f"{mantissa}e{power}"), ratio=ratio, num=num
    )
    best = len(axis.values) - 1 if high else 0
    frame = pd.DataFrame(
        [
            run(learning_rate=rate, final_loss=1 + abs(k - best))
            for k, rate in enumerate(axis.values)
        ]
    )
    losses = Landscape.from_runs(frame, optimizer="lion", value="final_loss")
    [text] = edge_cautions(losses)
    line = re.search(r'Axis\("learning_rate", \(.*\)\)', text)
    assert line is not None
    pasted = eval(line[0], {"Axis": Axis})
    assert set(axis.values) <= set(pasted.values)  # to the last bit
    option = re.search(r"--extend (\S+),", text)
    assert option is not None
    extension = Extension.parse(option[1])
    assert axis.extended(up=extension.up, down=extension.down) == pasted
    assert len(pasted.values) == num + 2


def test_a_grid_of_full_precision_keeps_it():
    rates = np.logspace(-4, -2, 4).tolist()
    frame = pd.DataFrame([run(learning_rate=rate) for rate in rates])
    found = Landscape.from_runs(frame, optimizer="lion")
    assert found.learning_rate.tolist() == rates


def test_a_width_that_one_seed_decides_names_the_cell():
    scores = np.repeat([[[0.80], [0.85], [0.90], [0.85], [0.80]]], 3, axis=2)
    steady = Landscape(RATES, [0.1], scores)
    scores[0, 2, 0] = 0.1  # the best cell but for one seed
    scores[0, 1, 1] += 0.01
    shaken = Landscape(RATES, [0.1], scores)

    def found(values):
        return [each for each in cautions_of(values, 0.01) if "single seeds" in each]

    assert not found(steady)
    (text,) = found(shaken)
    assert "at learning_rate = 0.001, weight_decay = 0.1: 0.100 to 0.900." in text
