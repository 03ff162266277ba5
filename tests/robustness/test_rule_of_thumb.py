import numpy as np
import pytest

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.rule_of_thumb import rule_of_thumb_regret

ADAMW = Landscape([1, 10], [0.1, 1], [[1, 2], [3, 4]])  # best at (10, 1)
LION = Landscape([0.1, 1, 10], [1, 10, 100], [[0, 0, 5], [0, 7, 0], [9, 0, 0]])


def test_by_hand():
    rule = rule_of_thumb_regret(ADAMW, LION, [1, np.sqrt(10), 10, 100, 101])
    # Along the diagonal 5, 7, 9; half-way the other two corners are 0.
    np.testing.assert_allclose(rule.regret, [4, 9 - 12 / 4, 2, 0, np.nan])
    assert rule.inside.tolist() == [True, True, True, True, False]
    assert rule.best_factor == 100
    assert rule.factors_within(2) == [10, 100]


def test_factors_of_their_own():
    rule = rule_of_thumb_regret(
        ADAMW, LION, [1, 10, 10], weight_decay_factors=[10, 1, 10]
    )
    assert rule.regret.tolist() == [9, 9, 2]
    assert rule.factors.tolist() == [1, 10, 10]
    assert rule.weight_decay_factors.tolist() == [10, 1, 10]
    with pytest.raises(ValueError, match="as many as `factors`"):
        rule_of_thumb_regret(ADAMW, LION, [1, 10], weight_decay_factors=[1])


def test_decay_that_is_not_needed():
    adamw = Landscape([1, 10], [0, 1], [[1, 5], [3, 4]])
    assert not rule_of_thumb_regret(adamw, LION, [1, 10]).inside.any()
    lion = Landscape([0.1, 10], [0, 1], [[2, 6], [0, 9]])
    rule = rule_of_thumb_regret(adamw, lion, [1, 10])
    np.testing.assert_allclose(rule.regret, [3, 5])


def test_missing_cells_are_outside():
    scores = LION.means.copy()
    scores[1, 1] = np.nan
    rule = rule_of_thumb_regret(
        ADAMW, Landscape([0.1, 1, 10], [1, 10, 100], scores), [9, 10]
    )
    assert rule.inside.tolist() == [False, False]
    with pytest.raises(ValueError, match="No factor leads into Lion's window"):
        _ = rule.best_factor
    assert rule.factors_within(100) == []


def test_the_best_of_lion_is_cross_fitted():
    lion = Landscape([1, 10], [1], [[[1.0, 0.0], [0.0, 1.0]]])
    assert rule_of_thumb_regret(ADAMW, lion, [1]).regret.tolist() == [-0.5]
    raw = rule_of_thumb_regret(ADAMW, lion, [1], cross_fit=False)
    assert raw.regret.tolist() == [0]


def test_clear_errors():
    for factors in ([0, 1], [-1], [np.nan], [np.inf], 3):
        with pytest.raises(ValueError, match="`factors` must be a list of positive"):
            rule_of_thumb_regret(ADAMW, LION, factors)
    with pytest.raises(ValueError, match="`weight_decay_factors` must"):
        rule_of_thumb_regret(ADAMW, LION, [1], weight_decay_factors=[0])
    nothing = Landscape([1], [1], [[0]], floor=0, diverged=[[True]])
    with pytest.raises(ValueError, match="Received for `adamw`"):
        rule_of_thumb_regret(nothing, LION, [1])
    with pytest.raises(ValueError, match="Received for `lion`"):
        rule_of_thumb_regret(ADAMW, nothing, [1])
    with pytest.raises(ValueError, match="only missing"):
        rule_of_thumb_regret(Landscape([1], [1], [[np.nan]]), LION, [1])


def test_of_equally_good_factors_the_smallest():
    lion = Landscape([0.1, 1, 10], [1, 10, 100], np.ones((3, 3)))
    assert rule_of_thumb_regret(ADAMW, lion, [10, 2, 5]).best_factor == 2
