"""Each prediction of the ladder is answered by the runs, with the right sign."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from studies.effective_decay import CENTRES, EXPONENTS, FACTORS
from studies.evidence import decay_claims, runs
from studies.evidence.decay_predictions import answers, ratio_of_best

SEEDS = 5
KAPPA = 233  # κ over lr × λ
BEST = {"adamw": -6.0, "lion": -6.0 + math.log2(2.4), "signum": -6.0 + math.log2(0.7)}


def frame(score, diverged=lambda k, step: False, best=BEST):
    """Runs of one network.

    Args:
        score: Function of log₂(lr × λ) and of the place of the learning rate on its
            line, from −2 to 2.
        diverged: Function of the same.
        best: Optimizer → log₂ of its best lr × λ.
    """
    noise = np.random.default_rng(0)
    rows = []
    for optimizer, centre in CENTRES.items():
        for k in EXPONENTS[465]:
            shared = 0.003 * noise.normal(size=SEEDS)  # the same at every rate
            for step, factor in enumerate(FACTORS, start=-2):
                for seed in range(SEEDS):
                    value = 0.6 - 0.004 * (k - best[optimizer]) ** 2 + shared[seed]
                    value += score(k, step)
                    value += 0.001 * noise.normal() if score is not nothing else 0
                    lost = diverged(k, step)
                    rows.append(
                        {
                            "optimizer": optimizer,
                            "learning_rate": factor * centre,
                            "weight_decay": 2.0**k / (factor * centre),
                            "seed": seed,
                            "status": "diverged" if lost else "ok",
                            "score": 0.1 if lost else value,
                            "initial_loss": 3.0,
                            "final_loss": 9.0 if lost else 1 - value,
                            "kappa": KAPPA * 2.0**k,
                            "steps": 465,
                            "epochs": 15,
                        }
                    )
    return pd.DataFrame(rows)


def nothing(k, step):
    return 0.0


def start(k, step):
    """What initial weights are worth, which κ forgets."""
    return {-11: 0.06, -9: 0.04, -7: 0.02}.get(k, 0.0) * step


def size(k, step, best=0.0):
    """What lr / λ is worth: it is 16 times larger at each step."""
    return -(((4 * step - (k + 3)) - best) ** 2)


def gains(k, step):
    return start(k, step) - 0.02 * step


def head(k, step):
    return 0.001 * size(k, step)


def plain(k, step):
    return 0.003 * size(k, step)


def too_large(k, step):
    return k >= -5 and step == 2


WORLD = {
    "exact": frame(nothing),
    "invariant": frame(start),
    "gains": frame(gains),
    "head": frame(head),
    "plain": frame(plain, too_large),
}


def outcomes(number, part, **changed):
    """Outcomes of one prediction: of its rows, those whose text has a part."""
    found = [
        each.shows
        for each in answers({**WORLD, **changed}, "465 steps")
        if each.where.startswith(f"prediction {number}, 465 steps, ")
        and part in each.text
    ]
    assert found
    return set(found)


def test_all_hold_where_runs_are_as_predicted():
    found = answers(WORLD, "465 steps")
    assert {each.shows for each in found} == {"supported"}, [
        (each.where, each.text) for each in found if each.shows != "supported"
    ]
    assert len(found) == 3 * (1 + 2 + 2 + 2 + 4) + 4


def test_a_best_pace_at_an_end_of_its_range_leaves_the_ratio_open():
    at_the_end = frame(start, best=BEST | {"lion": 3.0})
    ratio = "best lr × λ over AdamW's"
    assert outcomes(6, ratio, invariant=at_the_end) == {"supported", "untestable"}
    assert math.isnan(ratio_of_best(at_the_end, "lion").estimate)


def test_a_spread_that_no_line_has_leaves_its_predictions_open():
    def lost(k, step):
        return KAPPA * 2.0**k >= 5 and step > -2  # one learning rate trains

    untrained = frame(gains, lost)
    assert outcomes(3, "not known", gains=untrained) == {"untestable"}
    assert outcomes(5, "gains not known", gains=untrained) == {"supported"}
    assert outcomes(5, "the largest of all", plain=frame(plain, lost)) == {"untestable"}


def moving(k, step):
    """The best lr / λ moves by several grid steps from line to line."""
    return 0.001 * size(k, step, best=6 * (k + 3))


def by_product(k, step):
    return 0.02 * (k + 3) ** 2 + 0.0001 * size(k, step)


CASES = {
    "1: a difference in the last digit": (
        (1, "differ by"),
        {"exact": frame(lambda k, step: 1e-12 * (step == 2))},
    ),
    "2: the spread stays": (
        (2, "predicted below 1 point"),
        {"invariant": frame(lambda k, step: 0.03 * step)},
    ),
    "2: the spread grows at small κ": (
        (2, "falling"),
        {"invariant": frame(lambda k, step: 0.02 * (k + 13) * (k < -6) * step)},
    ),
    "2: there is none at small κ": ((2, "falling"), {"invariant": frame(nothing)}),
    "3: gains level the rates": ((3, "of invariant"), {"gains": frame(nothing)}),
    "3: small rates are the bad ones": (
        (3, "is the worst"),
        {"gains": frame(lambda k, step: 0.02 * step)},
    ),
    "4: the head does nothing": ((4, "3 or more"), {"head": frame(start)}),
    "4: another size is best on each line": (
        (4, "within a factor"),
        {"head": frame(moving)},
    ),
    "5: plain is better than head": (
        (5, "the largest of all"),
        {"plain": frame(gains, too_large)},
    ),
    "5: every rate trains": ((5, "diverge"), {"plain": frame(plain)}),
    "5: lr × λ explains plain": (
        (5, "explains more than lr × λ"),
        {"plain": frame(by_product, too_large)},
    ),
    "5: lr explains invariant": (
        (5, "more than 90 %"),
        {"invariant": frame(lambda k, step: 0.05 * step)},
    ),
}


@pytest.mark.parametrize(("row", "changed"), CASES.values(), ids=CASES)
def test_a_prediction_that_fails_is_not_supported(row, changed):
    assert outcomes(*row) == {"supported"}
    assert outcomes(*row, **changed) == {"not supported"}


def test_the_ratio_of_the_best_products():
    other = {**BEST, "lion": BEST["lion"] + 2}
    moved = {"invariant": frame(start, best=other)}
    assert outcomes(6, "predicted 2.4", **moved) == {"supported", "not supported"}
    found = ratio_of_best(WORLD["invariant"], "lion")
    assert found.estimate == pytest.approx(2.4, rel=0.1)
    assert found.low < found.estimate < found.high
    assert found.n == SEEDS


def test_too_few_cells_that_train_are_untestable():
    few = frame(plain, lambda k, step: k >= -5 and step > -1)
    assert outcomes(5, "only 6 cells trained", plain=few) == {"untestable"}


def test_lengths_without_runs_are_one_row_each(monkeypatch):
    empty = runs.all_runs().iloc[:0]
    monkeypatch.setattr(runs, "all_runs", lambda: empty)
    for claim, networks in (
        (decay_claims.pace_alone, "invariant, exact"),
        (decay_claims.with_size, "plain, head, gains"),
    ):
        found = claim()
        assert [each.where for each in found] == [
            f"{steps} steps: {networks}" for steps in ("465", "3,720", "14,880")
        ]
        assert {each.shows for each in found} == {"not run yet"}
    assert [each.where for each in decay_claims.best_pace()] == [
        "batch_sizes",
        "length",
        "examples",
    ]


def pace_runs(best, epochs):
    """One task of studies/pace.py: the score peaks at an optimizer's lr × λ."""
    return pd.DataFrame(
        [
            {
                "task": f"length_{epochs}",
                "optimizer": name,
                "learning_rate": 2.0**-8,
                "weight_decay": 2.0 ** (k + 8),
                "seed": seed,
                "status": "ok",
                "score": -((k - math.log2(each)) ** 2) / 100 + 1e-4 * (seed * k % 3),
                "final_loss": 1.0,
                "kappa": 2.0**k * epochs * 16,
                "steps": 32 * epochs,
                "epochs": epochs,
            }
            for name, each in best.items()
            for k in range(-15, 0)
            for seed in range(SEEDS)
        ]
    )


@pytest.mark.parametrize(
    ("exponent", "ratio", "expected"),
    [
        (0.5, 2.4, ["supported", "supported", "supported"]),
        (0.0, 2.4, ["not supported", "not supported", "supported"]),
        (0.5, 8.0, ["supported", "supported", "not supported"]),
    ],
)
def test_the_best_pace_over_lengths(monkeypatch, exponent, ratio, expected):
    def runs_of(study, task):
        epochs = int(task.removeprefix("length_"))
        product = 0.01 * (epochs / 60) ** -exponent
        return pace_runs({"adamw": product, "lion": ratio * product}, epochs)

    monkeypatch.setattr(decay_claims, "runs_of", runs_of)
    monkeypatch.setattr(
        decay_claims, "is_complete", lambda study, task: task.startswith("length")
    )
    found = [e for e in decay_claims.best_pace() if e.where.startswith("length")]
    assert [each.where for each in found] == [
        "length, adamw",
        "length, lion",
        "length, lion over adamw",
    ]
    assert [each.shows for each in found] == expected
