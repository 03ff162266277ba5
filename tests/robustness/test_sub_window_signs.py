"""Signs of single windows: those behind the shares of `window_agreement`."""

import numpy as np
import pytest

from keras_lion.robustness import Landscape, mean_regret
from keras_lion.robustness.sub_window_signs import Shift, SubWindow, window_signs
from keras_lion.robustness.windows import window_agreement

from .made_up import ADAMW, LION


def grid(scores, first=0.0):
    rows, columns = np.shape(scores)[:2]
    return Landscape(
        10.0 ** (np.arange(columns) + first), np.arange(1, rows + 1), scores
    )


def mean(landscape, reference):
    return float(np.nanmean(landscape.means))


def test_windows_by_hand():
    first, second = grid([[10.0, 0, -9]]), grid([[0.0, 0, 0]])
    found = window_signs(first, second, measure=mean, smallest=1)
    assert set(found.sub_windows) == {
        SubWindow((0, 1), (0, 1), 1),
        SubWindow((0, 1), (1, 1), 0),
        SubWindow((0, 1), (2, 1), -1),
        SubWindow((0, 1), (0, 2), 1),
        SubWindow((0, 1), (1, 2), -1),
    }
    # Moved to the right, the first shows 0 and −9; to the left, 10 and 0.
    assert set(found.shifts) == {Shift(0, 1, -1), Shift(0, -1, 1)}
    assert found.shape == (1, 3)
    assert found.sub_windows[0].size == (1, 1)


def test_rows_and_columns_are_not_swapped():
    first, second = grid([[9.0, 9, 9], [0, 0, 0]]), grid([[1.0, 1, 1], [1, 1, 1]])
    found = window_signs(first, second, measure=mean, smallest=1)
    lower = [each for each in found.sub_windows if each.weight_decay == (0, 1)]
    upper = [each for each in found.sub_windows if each.weight_decay == (1, 1)]
    assert {each.sign for each in lower} == {1}
    assert {each.sign for each in upper} == {-1}
    # One row up, the first has its lower scores face the second's.
    signs = {
        (each.weight_decay, each.learning_rate): each.sign for each in found.shifts
    }
    assert signs[1, 0] == -1
    assert signs[-1, 0] == 1
    assert signs[0, 1] == 1


@pytest.mark.parametrize("options", [{"epsilon": 1.0}, {"measure": mean_regret}])
def test_shares_are_those_of_the_agreement(options):
    lion, adamw = Landscape(**LION), Landscape(**ADAMW)
    found = window_signs(lion, adamw, **options)
    assert found.agreement == window_agreement(lion, adamw, **options)
    every = [*found.sub_windows, *found.shifts]
    decided = [each for each in every if each.sign]
    assert len(every) == found.agreement.num_windows
    assert len(decided) == found.agreement.num_decided
    if found.agreement.sign:
        agree = [each.sign == found.agreement.sign for each in decided]
        assert np.mean(agree) == pytest.approx(found.agreement.share)


def test_errors_are_those_of_the_agreement():
    with pytest.raises(ValueError, match="give `epsilon` or `measure`"):
        window_signs(Landscape(**LION), Landscape(**ADAMW))
