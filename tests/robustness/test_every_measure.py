"""Every measure on random landscapes: an answer or a clear error; symmetries."""

import dataclasses
import math
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_lion.robustness.cautions.missed_optimum import misspecification, worst_regret
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.robustness.landscape import Landscape, common_best
from keras_lion.robustness.regret import (
    mean_regret,
    regret_profile_area,
)
from keras_lion.robustness.sensitivity import (
    learning_rate_sensitivity,
    variance_shares,
    weight_decay_sensitivity,
)
from keras_lion.robustness.tolerance import (
    tolerance_area,
    tolerance_fraction,
    tolerance_width,
)
from keras_lion.robustness.tuning_budget import expected_best_of, rule_of_thumb_regret

RAW = {"cross_fit": False}
TRAPEZOID = {"weights": "trapezoid"}


def width_of(axis, **options):
    def measure(landscape):
        width = tolerance_width(landscape, 0.3, axis=axis, **options)
        if str(width) == "not measured":  # no score at a positive value
            assert not (landscape.num_seeds[landscape.weight_decay > 0] > 0).any()
            return ()
        return width.decades, float(width.censored)

    return measure


# Name → what it gives for a landscape: numbers that must be finite.
REGRETS = {
    "mean_regret": mean_regret,
    "mean_regret, raw": lambda x: mean_regret(x, **RAW),
    "mean_regret, by area": lambda x: mean_regret(x, **TRAPEZOID),
    "regret_profile_area": lambda x: regret_profile_area(x, 2.0),
    "tolerance_fraction": lambda x: tolerance_fraction(x, 0.3),
    "tolerance_fraction, by area": lambda x: tolerance_fraction(x, 0.3, **TRAPEZOID),
    "tolerance_area": lambda x: dataclasses.astuple(tolerance_area(x, 0.3)),
    "worst_regret": lambda x: dataclasses.astuple(worst_regret(x, 3.0)),
    "worst_regret, raw": lambda x: dataclasses.astuple(worst_regret(x, 3.0, **RAW)),
    "misspecification": lambda x: dataclasses.astuple(misspecification(x, 0.3)),
    "learning_rate_sensitivity": learning_rate_sensitivity,
    "learning_rate_sensitivity, raw": lambda x: learning_rate_sensitivity(x, **RAW),
    "learning_rate_sensitivity, one row": lambda x: learning_rate_sensitivity(
        x, float(x.weight_decay[-1])
    ),
    "weight_decay_sensitivity": weight_decay_sensitivity,
    "weight_decay_sensitivity, by area": lambda x: weight_decay_sensitivity(
        x, **TRAPEZOID
    ),
    "rule_of_thumb_regret": lambda x: regret_and_where(
        rule_of_thumb_regret(x, x, [0.5, 1.0, 2.0])
    ),
    "variance_shares": lambda x: dataclasses.astuple(variance_shares(x)),
    "variance_shares, corrected": lambda x: dataclasses.astuple(
        variance_shares(x, correct_noise=True)
    ),
}
WIDTHS = {
    "width of learning rate": width_of("learning_rate"),
    "width of learning rate, raw": width_of("learning_rate", **RAW),
    "width of weight decay": width_of("weight_decay"),
}
SCORES = {
    "best of 2 (u)": lambda x: expected_best_of(x, 2),
    "best of 3 (v)": lambda x: expected_best_of(x, 3, "v"),
    "best of 3 (v), by area": lambda x: expected_best_of(x, 3, "v", **TRAPEZOID),
}
PLACES = {
    "boundary_optimum": lambda x: [
        v for at in boundary_optimum(x) for v in at.next_values
    ]
}
ALL = REGRETS | WIDTHS | SCORES | PLACES


def regret_and_where(rule):
    assert (np.isfinite(rule.regret) == rule.inside).all()
    return [*rule.regret[rule.inside], *rule.inside.astype(float)]


def answer(measure, landscape):
    """Numbers, or the message of the error."""
    try:
        return np.atleast_1d(np.array(measure(landscape), dtype=float))
    except ValueError as error:
        return str(error)


@st.composite
def landscapes(draw):
    """Arguments: uneven axes, perhaps no decay, ties, missing and diverged runs."""
    axes = []
    for zero in (st.just(False), st.booleans()):
        steps = draw(st.lists(st.sampled_from([0.3, 0.5, 1.0]), max_size=3))
        axis = 10.0 ** np.cumsum([-3.0, *steps])
        axes.append(np.append(0.0, axis) if draw(zero) else axis)
    rates, decays = axes
    shape = (len(decays), len(rates), draw(st.integers(1, 3)))
    largest = draw(st.sampled_from([0, 1, 12, 12]))  # constant, many ties, few ties
    # Quarters are exact in binary, so that ties stay ties when a constant is added.
    scores = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, largest))) / 4
    masks = []
    for _ in range(2):
        often = st.sampled_from([False] * 4 + [True])
        some = draw(st.sampled_from([False, False, True]))
        masks.append(
            draw(hnp.arrays(bool, shape, elements=often))
            if some
            else np.zeros(shape, bool)
        )
    missing, diverged = masks
    missing[0, 0, 0] = False
    return rates, decays, np.where(missing, np.nan, scores), diverged & ~missing


def build(arguments, shift=0.0, scale=1.0):
    rates, decays, scores, diverged = arguments
    return Landscape(
        rates * scale, decays, scores + shift, floor=-1 + shift, diverged=diverged
    )


def test_every_measure_of_200_landscapes():
    answered = Counter()

    @settings(max_examples=200)
    @given(landscapes(), st.integers(-40, 40), st.floats(1e-3, 1e3))
    def check(arguments, quarters, scale):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = {name: answer(ALL[name], build(arguments)) for name in ALL}
            answered.update(an_answer_or_a_clear_error(found))
            a_constant_changes_no_regret(found, arguments, quarters / 4)
            the_unit_of_the_rate_changes_nothing(found, arguments, scale)
            swapped_axes_swap_the_measures(arguments)

    check()
    # Errors are the exception: no measure gets by with them.
    assert min(answered[name] for name in ALL) > 30, answered
    for name in ("mean_regret", "tolerance_area", *WIDTHS):
        assert answered[name] >= 200, name


def an_answer_or_a_clear_error(found):
    for name, each in found.items():
        if isinstance(each, str):
            assert "Received" in each, (name, each)
        else:
            assert np.isfinite(each).all(), (name, each)
            yield name


def a_constant_changes_no_regret(found, arguments, shift):
    landscape = build(arguments, shift=shift)
    for name in REGRETS | WIDTHS | PLACES:
        assert_same(found[name], answer(ALL[name], landscape), name)
    for name in SCORES:
        moved = found[name] if isinstance(found[name], str) else found[name] + shift
        assert_same(moved, answer(ALL[name], landscape), name)


def the_unit_of_the_rate_changes_nothing(found, arguments, scale):
    landscape = build(arguments, scale=scale)
    for name in REGRETS | WIDTHS | SCORES:
        assert_same(found[name], answer(ALL[name], landscape), name)


def swapped_axes_swap_the_measures(arguments):
    rates, decays, scores, diverged = arguments
    if decays[0] == 0:  # no learning rate can be
        decays = np.append(1e-9, decays[1:])
    one = build((rates, decays, scores, diverged))
    other = build((decays, rates, scores.swapaxes(0, 1), diverged.swapaxes(0, 1)))
    for name in ("variance_shares", "variance_shares, corrected"):
        found, swapped = answer(ALL[name], one), answer(ALL[name], other)
        if not isinstance(swapped, str):
            swapped = swapped[[1, 0, 2]]
        assert_same(found, swapped, name)
    for name, counterpart in (
        ("width of learning rate", "width of weight decay"),
        ("learning_rate_sensitivity", "weight_decay_sensitivity"),
        ("mean_regret, by area", "mean_regret, by area"),
        ("tolerance_area", "tolerance_area"),
        ("best of 2 (u)", "best of 2 (u)"),
    ):
        assert_same(answer(ALL[name], one), answer(ALL[counterpart], other), name)


def assert_same(one, other, name):
    if isinstance(one, str) or isinstance(other, str):
        # Numbers in a message may differ; that it is an error may not.
        assert isinstance(one, str), name
        assert isinstance(other, str), name
    else:
        np.testing.assert_allclose(one, other, atol=1e-9, err_msg=name)


@st.composite
def windows(draw):
    """A middle of good cells, and windows of a wide grid of bad ones around it."""
    middle = draw(hnp.arrays(np.int64, (3, 3, 2), elements=st.integers(0, 8))) / 4
    around = draw(hnp.arrays(np.int64, (9, 9, 2), elements=st.integers(-40, -20))) / 4
    around[3:6, 3:6] = middle
    # Bad cells beside the middle are kept, on both sides: the width ends there.
    cuts = [
        slice(draw(st.integers(0, 2)), draw(st.integers(7, 9)))
        for _ in ("rows", "columns")
    ]
    return around, cuts


@given(windows(), st.integers(0, 8), st.booleans())
def test_moving_the_window_does_not_change_the_headline(made, quarters, own):
    scores, (rows, columns) = made
    # Neighbours of the middle set the slope at its ends: keep the best of each column.
    scores[:3] -= 20
    scores[6:] -= 20
    axis = 10.0 ** np.arange(-4, 5)
    whole = Landscape(axis, axis, scores)
    part = Landscape(axis[columns], axis[rows], scores[rows, columns])
    epsilon = quarters / 4
    reference = None if own else common_best([whole])
    width = tolerance_width(whole, epsilon, reference)
    assert not width.censored
    moved = tolerance_width(part, epsilon, reference)
    assert moved.decades == pytest.approx(width.decades, abs=1e-9)
    assert not moved.censored
    area = tolerance_area(whole, epsilon, reference)
    assert not area.censored
    moved = tolerance_area(part, epsilon, reference)
    assert moved.square_decades == pytest.approx(area.square_decades, abs=1e-9)
    # A measure over the window is another matter.
    if part.scores.size < whole.scores.size:
        assert not math.isclose(mean_regret(part, 5.0), mean_regret(whole, 5.0))


def test_an_empty_landscape():
    nothing = Landscape([1, 2], [1], [[np.nan, np.nan]])
    # What a table of a study prints as "not measured".
    assert math.isnan(mean_regret(nothing))
    assert math.isnan(tolerance_fraction(nothing, 1))
    assert str(tolerance_width(nothing, 1)) == "not measured"
    told = ("mean_regret", "tolerance_fraction", "width")
    for name, measure in ALL.items():
        if not name.startswith(told):
            assert isinstance(answer(measure, nothing), str), name
