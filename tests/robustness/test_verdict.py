"""Verdicts: which one, on which numbers, and what is withheld."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_lion.robustness import Landscape
from keras_lion.robustness.calibration.planted import Noise, noisy, plant
from keras_lion.robustness.comparison import Comparison
from keras_lion.robustness.effective_decay.law import (
    product_law,
    product_verdict,
    verdict_of_law,
)
from keras_lion.robustness.verdict import outcome_of, verdict
from keras_lion.robustness.width_verdict import _agreed, tolerance_verdict
from keras_lion.statistics import Interval, SignFlipTest


def comparison(low, high, *, gap=0.3, censored=(False, False), n=6):
    """A comparison with a given interval and detectable gap."""
    return Comparison(
        measure="tolerance width",
        unit="decades",
        names=("lion", "adamw"),
        estimates=(1.0, 1.0),
        censored=censored,
        values=(0.0,) * n,
        difference=Interval((low + high) / 2, low, high, n),
        correlation=0.5,
        sign_flip=SignFlipTest(0.4, 2.0 ** (1 - n), n),
        improvement=Interval(0.5, 0.1, 0.9, n),
        detectable_gap=gap,
    )


def row(*seeds, rates=(1e-3, 1e-2, 1e-1, 1.0, 10.0)):
    return Landscape(list(rates), [0.1], np.array(seeds, float).T[None])


@pytest.mark.parametrize(
    ("low", "high", "gap", "outcome", "direction"),
    [
        (0.2, 0.8, 0.9, "supported", 1),
        (0.1, 0.8, 0.9, "underpowered", 0),  # not above the resolution
        (0.11, 0.8, 0.9, "supported", 1),
        (-0.8, -0.2, 0.9, "not supported", -1),
        (-0.8, -0.1, 0.9, "underpowered", 0),
        (-0.8, -0.1, 0.3, "not supported", 0),
        (-0.2, 0.3, 0.3, "not supported", 0),
        (-0.2, 0.3, 0.4, "not supported", 0),  # 0.4 and the resolution: 0.5
        (-0.2, 0.3, 0.41, "underpowered", 0),
        (-0.2, 0.5, 0.3, "underpowered", 0),  # the gap is not excluded
        (-0.2, 0.49, 0.3, "not supported", 0),
        (0.05, 0.3, 0.3, "not supported", 0),
        (math.nan, math.nan, math.inf, "underpowered", 0),
    ],
)
def test_outcomes(low, high, gap, outcome, direction):
    found = verdict(comparison(low, high, gap=gap), smallest_gap=0.5, resolution=0.1)
    assert (found.outcome, found.direction) == (outcome, direction)
    lacks_power = outcome == "underpowered" and 0.5 < gap + 0.1 < math.inf
    assert bool(found.reasons) == lacks_power
    assert found.detectable_gap == pytest.approx(gap + 0.1)
    assert (found.p, found.smallest_p) == (0.4, 2**-5)
    assert math.isnan(found.window_share)


def test_underpowered_does_not_depend_on_p():
    close = comparison(-0.2, 0.3, gap=0.2)
    assert close.sign_flip.p > 0.05
    assert verdict(close, smallest_gap=0.5).outcome == "not supported"
    assert verdict(close, smallest_gap=0.1).outcome == "underpowered"


@pytest.mark.parametrize(
    ("censored", "low", "high", "outcome", "direction"),
    [
        ((True, False), 0.2, 0.4, "supported", 1),
        ((True, False), -0.4, -0.2, "provisional", 0),
        ((True, False), -0.1, 0.1, "provisional", 0),
        ((True, False), -0.6, 0.6, "underpowered", 0),
        ((False, True), 0.2, 0.4, "provisional", 0),
        ((False, True), -0.4, -0.2, "not supported", -1),
        ((False, True), -0.1, 0.1, "provisional", 0),
        ((True, True), 0.2, 0.4, "untestable", 0),
    ],
)
def test_censored_widths_speak_in_the_safe_direction(
    censored, low, high, outcome, direction
):
    found = verdict(comparison(low, high, censored=censored), smallest_gap=0.5)
    assert (found.outcome, found.direction) == (outcome, direction)
    if outcome == "provisional":
        name = "lion" if censored[0] else "adamw"
        assert f"the range of {name} reaches an end" in found.reasons[0]
    if outcome == "untestable":
        assert "both lion and adamw" in found.sentence
        assert found.estimate.low == low


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(0.2, 0.8, "provisional"), (-0.1, 0.1, "provisional"), (-1, 1, "underpowered")],
)
def test_an_optimum_on_an_edge_is_provisional(low, high, outcome):
    found = verdict(comparison(low, high), smallest_gap=0.5, limited=["on the edge."])
    assert found.outcome == outcome
    assert (found.reasons == ("on the edge.",)) == (outcome == "provisional")


@pytest.mark.parametrize(
    ("low", "high", "share", "outcome"),
    [
        (0.2, 0.8, 0.74, "provisional"),
        (0.2, 0.8, 0.75, "supported"),
        (-0.8, -0.2, 0.74, "provisional"),
        (-0.1, 0.1, 0.1, "not supported"),  # no sign that could stay
    ],
)
def test_windows_that_disagree_are_provisional(low, high, share, outcome):
    found = verdict(comparison(low, high), smallest_gap=0.5, window_share=share)
    assert found.outcome == outcome
    assert found.window_share == share
    assert ("74%" in "".join(found.reasons)) == (outcome == "provisional")


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (comparison(0.2, 0.4), "0.30 [0.20, 0.40] (n=6) decades; the difference is in"),
        (comparison(0.2, 0.4), "favor of lion."),
        (comparison(-0.4, -0.2), "favor of adamw."),
        (comparison(-0.1, 0.1), "no difference of 0.5 decades or more, which the"),
        (
            comparison(-1, 1, gap=0.7),
            "6 seeds of this noise would often miss one below",
        ),
        (comparison(-1, 1, gap=0.7), "miss one below 0.70 decades."),
        (comparison(-1, 1, gap=0.5), "a difference of 0.5 decades, the smallest that"),
        (comparison(math.nan, math.nan, gap=math.inf, n=1), "one seed of this noise"),
        (comparison(math.nan, math.nan, gap=math.inf, n=1), "miss any difference."),
    ],
)
def test_sentences(found, text):
    said = verdict(found, smallest_gap=0.5, claim="Lion is wider.")
    assert text in said.sentence
    assert str(said).startswith(f"Lion is wider. {said.outcome.capitalize()}: ")
    edge = verdict(found, smallest_gap=0.5, limited=["edge"])
    assert ("the grids do not settle it" in edge.sentence) == (
        edge.outcome == "provisional"
    )


def reasons_of(found, **options):
    return verdict(found, smallest_gap=0.5, limited=["an edge."], **options).reasons


def test_an_underpowered_outcome_names_seeds_noise_and_steps_and_no_edge():
    (few,) = reasons_of(comparison(math.nan, math.nan, gap=math.inf, n=2))
    assert few.startswith("2 seeds are too few for an interval: at least 3")
    (noise,) = reasons_of(comparison(-1, 1, gap=0.7))
    assert noise == (
        "the smallest difference that matters is 0.5 decades, and 6 seeds of this "
        "noise would often miss one below 0.70 decades."
    )
    for low, high in ((-0.8, -0.1), (0.1, 0.8)):
        noise, steps = reasons_of(comparison(low, high, gap=0.7), resolution=0.125)
        assert "would often miss one below 0.82 decades" in noise
        assert steps.startswith("the difference is not clear of the 0.12 decades")
    assert reasons_of(comparison(-1, 1, gap=0.3)) == ()
    assert reasons_of(comparison(-0.4, -0.2)) == ("an edge.",)
    assert outcome_of(Interval(0, -1, 1, 2), margin=0.5)[1] == (few,)
    assert outcome_of(Interval(0, -1, 1, 6), margin=0.5, limited=["edge"])[1] == ()


def test_the_claim_has_a_default():
    said = verdict(comparison(0, 1)).claim
    assert said == "lion is better than adamw by tolerance width."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smallest_gap": 0.0}, "larger than `resolution`"),
        ({"smallest_gap": math.inf}, "larger than `resolution`"),
        ({"smallest_gap": 0.5, "resolution": 0.5}, "larger than `resolution`"),
        ({"resolution": -0.1}, "larger than `resolution`"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        verdict(comparison(0, 1), **options)


def wide_and_narrow(**options):
    truths = plant("bowl", width=2.0), plant("bowl")
    return noisy(truths, 4, np.random.default_rng(0), noise=Noise(0.1, 0.02), **options)


def test_a_planted_gap_from_end_to_end():
    wide, narrow = wide_and_narrow()
    found = tolerance_verdict(wide, narrow, 1.0, names=("lion", "adamw"))
    assert found.outcome == "supported"
    assert found.claim == "lion tolerates a wider range of learning rates than adamw."
    assert found.window_share >= 0.75
    assert 0.5 < found.estimate.low < found.estimate.high < 1.5
    reverse = tolerance_verdict(narrow, wide, 1.0)
    assert (reverse.outcome, reverse.direction) == ("not supported", -1)
    assert reverse.estimate.estimate == pytest.approx(-found.estimate.estimate)


def test_a_difference_without_an_interval_does_not_count_seeds():
    """The best cell lacks one of several seeds, as in an interrupted sweep."""
    wide, narrow = wide_and_narrow()
    scores = wide.scores.copy()
    scores[wide.best.cell][0] = np.nan
    partial = Landscape(wide.learning_rate, wide.weight_decay, scores)
    found = tolerance_verdict(partial, narrow, 1.0, names=("lion", "adamw"))
    gap = partial.best.value - narrow.best.value
    shown = f"lion − adamw: {gap:.3f} (no interval: some cells lack seeds); "
    assert shown in found.sentence
    assert "(n=1)" not in found.sentence


def test_widths_of_two_outcomes_differ_in_their_intervals():
    wide, narrow = wide_and_narrow()
    found = tolerance_verdict(wide, narrow, 1.0)
    other = dataclasses.replace(found, outcome="underpowered")
    agreed = _agreed(found, other, "1 and 1", 0.5)
    assert (
        "the intervals of the two width differences lead to different outcomes: "
        "supported by the common best, underpowered by the own best"
    ) in agreed.sentence
    assert agreed.outcome == "underpowered"


def test_the_resolution_is_a_quarter_of_the_widest_step():
    # Widths 1 and 1.2 decades without noise: less than a quarter of a decade apart.
    rates = 10.0 ** np.arange(-3, 2)
    first = row([0, 0, 10, 0, 0], [0, 0, 10, 0, 0], rates=rates)
    second = row([0, 2, 10, 2, 0], [0, 2, 10, 2, 0], rates=rates)
    found = tolerance_verdict(second, first, 5.0)
    assert found.estimate.estimate == pytest.approx(0.25)
    assert found.detectable_gap == 0.25
    assert found.direction == 0
    third = row([0, 2.1, 10, 2, 0], [0, 2.1, 10, 2, 0], rates=rates)
    assert tolerance_verdict(third, first, 5.0).direction == 1


def test_the_widest_step_of_both_grids_counts():
    rates = 10.0 ** np.arange(-3, 2)
    fine = row(*[[0, 0, 10, 0, 0]] * 2, rates=np.sqrt(rates))
    coarse = row(*[[0, 5, 10, 5, 0]] * 2, rates=rates)
    for pair in ((fine, coarse), (coarse, fine)):
        assert tolerance_verdict(*pair, 5.0).detectable_gap == pytest.approx(0.25)


def test_an_edge_of_stability_is_not_withheld():
    scores = np.array([[0.0, 4, 10, 10.5], [0, 0, 0, 0], [0, 0, 0, 0]])[..., None]
    diverged = np.zeros((3, 4, 2), bool)
    options = [1e-3, 1e-2, 1e-1, 1.0], [0.1, 1.0, 10.0]
    names = {"names": ("lion", "adamw")}
    inside = scores[:, [0, 2, 1, 0]]
    other = Landscape(*options, np.repeat(inside, 2, axis=2))
    for broken in (False, True):
        diverged[1, 3] = broken  # beside the best cell, along its edge
        lion = Landscape(*options, np.repeat(scores, 2, axis=2), diverged=diverged)
        found = tolerance_verdict(lion, other, 1.0, **names)
        at_rate = [each for each in found.reasons if "high learning_rate" in each]
        assert len(at_rate) == (not broken)


def test_an_edge_or_another_grid_is_withheld():
    wide, narrow = wide_and_narrow()
    columns = slice(3, None)  # the best learning rate is now the first one
    cut = Landscape(
        wide.learning_rate[columns], wide.weight_decay, wide.scores[:, columns]
    )
    edge = tolerance_verdict(cut, narrow, 1.0, names=("lion", "adamw"))
    assert edge.outcome != "supported"
    assert any("size, (7, 4) and (7, 7)" in each for each in edge.reasons)
    assert math.isnan(edge.window_share)
    upper = plant("bowl", width=2.0, offset=(0.0, 1.5), size=(4, 7))
    lower = plant("bowl", size=(4, 7))
    pair = noisy((upper, lower), 4, np.random.default_rng(0), noise=Noise(0.02, 0))
    found = tolerance_verdict(*pair, 1.0, names=("lion", "adamw"))
    assert found.outcome == "provisional"
    assert "the optimum of lion lies on the high weight_decay edge" in found.reasons[0]


def test_what_does_not_train_is_untestable():
    bad = Landscape([1, 2], [1], np.zeros((1, 2, 2)), diverged=np.ones((1, 2, 2)))
    good = Landscape([1, 2], [1], np.ones((1, 2, 2)))
    for pair in ((bad, good), (good, bad)):
        found = tolerance_verdict(*pair, 1.0, names=("lion", "adamw"))
        assert found.outcome == "untestable"
        assert found.estimate.n == 0
    assert found.reasons == ("no run of adamw trained.",)
    empty = Landscape([1], [1], [[math.nan]])
    assert tolerance_verdict(empty, good, 1.0).outcome == "untestable"


def test_flat_surfaces_and_single_cells():
    flat = noisy((plant("flat"),) * 2, 3, np.random.default_rng(0))
    assert tolerance_verdict(*flat, 3.0).outcome == "untestable"
    one = Landscape([1], [1], [[[1.0, 1.1]]])
    found = tolerance_verdict(one, one, 1.0)
    assert found.outcome == "untestable"
    assert math.isnan(found.window_share)


@given(st.integers(0, 10**6), st.sampled_from([0.1, 1.0, 5.0]))
def test_never_without_an_answer(seed, epsilon):
    generator = np.random.default_rng(seed)
    shape = (3, 3, int(generator.integers(1, 4)))
    first, second = (
        Landscape(
            [1e-3, 1e-2, 1e-1],
            [0.0, 0.1, 1.0],
            generator.integers(0, 6, shape).astype(float),
            floor=-1.0,
            diverged=generator.random(shape) < 0.3,
        )
        for _ in range(2)
    )
    found = tolerance_verdict(first, second, epsilon)
    assert found.sentence
    assert "nan" not in found.sentence.lower()
    if found.outcome in ("supported", "provisional") and found.direction:
        assert found.estimate.low * found.estimate.high > 0


@pytest.mark.parametrize(
    ("surface", "outcome"),
    [
        ("product", "supported"),
        ("additive", "not supported"),
        ("ratio", "not supported"),
        ("flat", "untestable"),
    ],
)
def test_product_verdicts(surface, outcome):
    truth = plant(surface, size=(5, 5), offset=(0.1, -0.07))
    (landscape,) = noisy((truth,), 6, np.random.default_rng(0), noise=Noise(0.1, 0.1))
    found = product_verdict(landscape, 1.0, name="lion")
    assert found.outcome == outcome
    assert found.claim == "lr × λ alone explains the score of lion."
    assert math.isnan(found.smallest_p)
    if surface == "product":
        assert found.estimate.low <= -1 <= found.estimate.high
        assert found.p < 0.05
        assert "(margin 2); slope of the ridge -1." in found.sentence
    assert (found.reasons != ()) == (outcome == "untestable")


def test_few_seeds_show_neither():
    (landscape,) = noisy((plant("product"),), 1, np.random.default_rng(0))
    found = product_verdict(landscape, 1.0)
    assert found.outcome == "underpowered"
    assert "neither agreement nor difference" in found.sentence
    uneven = Landscape(
        [1, 2, 10], [1, 5, 6], np.random.default_rng(0).random((3, 3, 2))
    )
    law = product_law(uneven, 0.1, 0.2)
    said = verdict_of_law(law, "lion", 0.2)
    assert "no two cells have equal lr × λ" in said.sentence
    assert said.reasons == law.notes
    assert math.isnan(said.p)
    with pytest.raises(ValueError, match="`epsilon` must be a positive"):
        product_verdict(landscape, 0.0)
