"""The product law as a whole: the paper's values, planted landscapes, edge cases."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_lion.robustness import Landscape
from keras_lion.robustness.calibration.planted import plant
from keras_lion.robustness.effective_decay import law as module
from keras_lion.robustness.effective_decay.law import product_law
from tests.robustness.made_up import ADAMW, LION

AXIS = 10.0 ** np.arange(-4, 1)


NUMBERS = (
    "r2_product",
    "r2_ratio",
    "r2_additive",
    "ridge_slope",
    "largest_spread",
)


def noisy(truth, seeds, generator, sigma=0.3):
    noise = generator.normal(0, sigma, (*truth.means.shape, seeds))
    noise += generator.normal(0, 1, seeds)  # of a seed: it changes no cell's rank
    return Landscape(
        truth.learning_rate, truth.weight_decay, truth.means[..., None] + noise
    )


def test_golden_values_of_the_lion_paper():
    lion, adamw = product_law(Landscape(**LION)), product_law(Landscape(**ADAMW))
    printed = [lion.r2_product, lion.r2_ratio, lion.r2_additive]
    assert np.round(printed, 3).tolist() == [0.955, 0.122, 0.758]
    assert lion.single_index.degrees == 41.5
    assert round(lion.single_index.r2, 3) == 0.944
    assert round(lion.largest_spread, 2) == 0.67
    assert round(adamw.r2_product, 3) == 0.722
    assert adamw.single_index.degrees == 69.5
    # The best weight decay lies at the top of Lion's grid at every learning rate, and
    # one seed has no interval: the paper's figure neither supports nor rejects the law.
    for law, columns in ((lion, 0), (adamw, 2)):
        assert math.isnan(law.ridge_slope)
        assert f"at {columns} learning rates" in law.notes[0]
        assert "One seed" in law.notes[1]
        assert not law.untestable
        assert not law.supported
        assert not law.rejected


@pytest.mark.parametrize(
    ("surface", "supported", "rejected"),
    [
        ("product", 18, 0),
        ("additive", 0, 20),
        ("ratio", 0, 20),
        ("flat", 0, 0),
        ("bowl", 0, 20),
    ],
)
def test_planted_landscapes(surface, supported, rejected):
    generator = np.random.default_rng(1)
    truth = plant(surface, size=(7, 7))
    laws = [product_law(noisy(truth, 6, generator), 0.5, 1.5) for _ in range(20)]
    if supported:
        assert sum(law.supported for law in laws) >= supported
        assert sum(law.rejected for law in laws) <= 1
    else:
        assert not any(law.supported for law in laws)
        assert sum(law.rejected for law in laws) >= rejected - 1
    assert all(bool(law.untestable) == (surface == "flat") for law in laws)


def test_a_tilted_plane_is_no_product_even_within_the_margin():
    # The spread along lines is below the margin, as lr counts twice as much as λ.
    row, column = np.indices((5, 5))
    noise = np.random.default_rng(0).normal(0, 0.01, (5, 5, 6))
    tilted = Landscape(AXIS, AXIS, (2.0 * column + row)[..., None] + noise)
    law = product_law(tilted, margin=5.0)
    assert law.equivalence.p < 0.001
    assert math.isnan(law.ridge_slope)
    assert not law.supported
    assert law.rejected
    straight = Landscape(AXIS, AXIS, (1.0 * column + row)[..., None] + noise)
    assert product_law(straight, margin=5.0).supported


def test_one_direction_alone_does_not_reject():
    # An off-centre cliff in lr × λ: steep on one side, floor on the other.
    generator = np.random.default_rng(4)
    row, column = np.indices((5, 5))
    cliff = -np.where(row + column > 5, 6.0, 0.3 * (5 - row - column))
    laws = [
        product_law(
            Landscape(
                AXIS, AXIS, cliff[..., None] + generator.normal(0, 0.2, (5, 5, 6))
            ),
            0.5,
            1.0,
        )
        for _ in range(20)
    ]
    assert sum(law.rejected for law in laws) <= 2
    assert sum(law.supported for law in laws) >= 18


def test_without_a_margin_nothing_is_supported():
    law = product_law(noisy(plant("product"), 6, np.random.default_rng(0)))
    assert law.equivalence is None
    assert not law.supported
    assert not law.rejected


def test_the_margin_is_epsilon_unless_given():
    landscape = noisy(plant("product", size=(4, 4)), 3, np.random.default_rng(0))
    assert product_law(landscape, 0.5).equivalence.margin == 0.5
    assert product_law(landscape, 0.5, 0.7).equivalence.margin == 0.7


def test_confidence_is_the_level_of_the_tests():
    landscape = noisy(plant("product", size=(4, 4)), 6, np.random.default_rng(0))
    p = product_law(landscape, margin=1.2).equivalence.p
    assert 0.001 < p < 0.3
    strict = product_law(landscape, margin=1.2, confidence=1 - p * 0.99)
    loose = product_law(landscape, margin=1.2, confidence=1 - p * 1.01)
    assert not strict.supported
    assert loose.supported
    wide, narrow = strict.single_index.interval, loose.single_index.interval
    assert wide.low < narrow.low


@pytest.mark.parametrize(
    ("decays", "scores", "diverged", "reason", "known"),
    [
        ([1, 2, 4], np.full((3, 3), np.nan), None, "no run has finished", False),
        ([1, 2, 4], np.zeros((3, 3)), np.ones((3, 3)), "every run diverged", True),
        ([0], [[1, 2, 3]], None, "no run with weight decay", False),
        ([0, 1], [[1, 2, 3], [np.nan] * 3], None, "no run with weight decay", False),
        ([0, 1, 2], [[3, 1, 1], [1, 2, 3], [2, 3, 2]], None, "decay is inert", True),
        ([1, 2], [[1, 2, 3], [2, 3, 4]], [[1, 0, 0]] * 2, "2 of 3 (3 are", True),
        ([1], [[1, 2, 3]], None, "one positive weight decay", True),
        ([1, 2], [[1, 1, 1], [1, 1, 1.4]], None, "no two cells differ", True),
    ],
)
def test_untestable(decays, scores, diverged, reason, known):
    landscape = Landscape([1, 2, 4], decays, scores, floor=0, diverged=diverged)
    law = product_law(landscape, epsilon=0.5)
    assert reason in law.untestable
    assert law.untestable.endswith(".")
    assert not law.supported
    assert not law.rejected
    if not known:
        assert all(math.isnan(getattr(law, name)) for name in NUMBERS)
        assert law.ridge is law.single_index is law.equivalence is None


def test_inert_decay_beyond_epsilon_is_testable():
    scores = [[2.4, 1, 1], [1, 2, 3], [2, 3, 2]]
    assert not product_law(Landscape([1, 2, 4], [0, 1, 2], scores), 0.5).untestable


def test_the_row_of_no_decay_serves_its_check_only():
    with_row = plant("additive", size=(4, 4))
    without = plant("additive", size=(4, 4), undecayed=False)
    first, second = product_law(with_row), product_law(without)
    assert first == second
    assert first.r2_product == second.r2_product


def test_other_grids_get_what_is_defined():
    row, column = np.indices((4, 4))
    rates = 10.0 ** np.array([-4, -3, -1, 0])
    law = product_law(Landscape(rates, AXIS[:4], 0.0 - column - row), 0.1)
    assert "do not share one geometric ratio" in law.notes[2]
    for name in ("r2_product", "r2_ratio", "r2_additive"):
        assert math.isnan(getattr(law, name))
    assert law.equivalence is None
    assert math.isfinite(law.single_index.degrees)


def test_what_the_verdict_does_not_use_is_computed_when_it_is_read(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("computed for a verdict")

    landscape = noisy(plant("product", size=(4, 4)), 3, np.random.default_rng(0))
    for name in ("groupings", "largest_spread"):
        monkeypatch.setattr(module, name, fail)
    found = product_law(landscape, 0.5)
    module.verdict_of_law(found, "lion", 0.5)
    for name in ("r2_product", "largest_spread"):
        with pytest.raises(AssertionError, match="computed for a verdict"):
            getattr(found, name)


@pytest.mark.parametrize(
    "bad",
    [
        {"epsilon": -1},
        {"epsilon": math.nan},
        {"margin": 0},
        {"margin": math.inf},
        {"confidence": 1},
    ],
)
def test_bad_arguments(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"`{name}` must"):
        product_law(Landscape(**LION), **bad)


@settings(max_examples=60)
@given(
    hnp.arrays(np.int64, (4, 3, 2), elements=st.integers(0, 8)),
    hnp.arrays(bool, (4, 3, 2), elements=st.sampled_from([False] * 5 + [True])),
    hnp.arrays(bool, (4, 3, 2), elements=st.sampled_from([False] * 5 + [True])),
    st.booleans(),
)
def test_every_landscape_has_an_answer(values, diverged, missing, undecayed):
    scores = np.where(missing & ~diverged, np.nan, values / 4)
    decays = [0, 1, 2, 4] if undecayed else [1, 2, 4, 8]
    landscape = Landscape([1, 2, 4], decays, scores, floor=-1, diverged=diverged)
    law = product_law(landscape, 0.5)
    explained = law.untestable or law.notes
    shifted = product_law(
        Landscape([3, 6, 12], decays, scores + 2, floor=1, diverged=diverged), 0.5
    )
    for name in NUMBERS:
        number, other = getattr(law, name), getattr(shifted, name)
        assert other == pytest.approx(number, abs=1e-6, nan_ok=True)
        assert math.isfinite(number) or explained
    assert law.untestable == shifted.untestable
    assert not (law.supported and law.rejected)
