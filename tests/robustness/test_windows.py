"""Window agreement: windows counted by hand, signs that stay and signs that turn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_lion.robustness import Landscape, mean_regret
from keras_lion.robustness.calibration.planted import plant
from keras_lion.robustness.windows import (
    Shift,
    SubWindow,
    sub_landscape,
    window_agreement,
    window_signs,
)
from tests.robustness.made_up import ADAMW, LION


def grid(scores, first=0.0):
    rows, columns = np.shape(scores)[:2]
    return Landscape(
        10.0 ** (np.arange(columns) + first), np.arange(1, rows + 1), scores
    )


def mean(landscape, reference):
    return float(np.nanmean(landscape.means))


def test_the_paper():
    lion, adamw = Landscape(**LION), Landscape(**ADAMW)
    found = window_agreement(lion, adamw, measure=mean_regret)
    # Sub-windows of 2 or 3 rows and columns: (2 + 1)² − 1; shifts: 8.
    assert (found.num_windows, found.num_decided) == (16, 16)
    assert (found.sign, found.share, found.smallest) == (-1, 1.0, (2, 2))
    assert window_agreement(adamw, lion, measure=mean_regret).sign == 1
    assert str(found) == "100% of 16 decided windows (of 16)"


def test_windows_by_hand():
    # The first is better in total, and in the columns (0), (0, 1) of (0), (1), (2),
    # (0, 1), (1, 2). Shifts compare columns (1, 2) with (0, 1): 0 and −9 against 0, and
    # (0, 1) with (1, 2): 10 against 0.
    first, second = grid([[10.0, 0, -9]]), grid([[0.0, 0, 0]])
    found = window_agreement(first, second, measure=mean, smallest=1)
    assert found.sign == 1
    assert found.num_windows == 5 + 2
    assert found.num_decided == 4 + 2  # a tie in column 1
    assert found.share_of_sub_windows == 2 / 4
    assert found.share_of_shifts == 1 / 2
    assert found.share == 3 / 6
    assert found.smallest == (1, 1)


def test_shifts_face_other_cells():
    seen = []

    def record(landscape, reference):
        seen.append((landscape.learning_rate[0], landscape.weight_decay[0]))
        return float(len(seen))

    window_agreement(grid(np.eye(3)), grid(np.eye(3)), measure=record, smallest=3)
    faced = {(a, b) for a, b in zip(seen[2::2], seen[3::2], strict=True)}
    rates, decays = (1, 10), (1, 2)
    # No two windows begin at the same cell, and each is one cell further on.
    assert faced == {
        ((rates[a], decays[b]), (rates[c], decays[d]))
        for a, c in ((0, 0), (0, 1), (1, 0))
        for b, d in ((0, 0), (0, 1), (1, 0))
        if (a, b) != (c, d)
    }


def test_the_reference_is_the_common_best_of_the_window():
    seen = set()

    def record(landscape, reference):
        seen.add(reference)
        return reference

    first, second = grid([[1.0, 2, 3]]), grid([[0.0, 5, 0]])
    found = window_agreement(first, second, measure=record, smallest=1)
    assert seen == {5.0, 3.0, 1.0}  # 3 and 1 in the windows of one outer column
    assert (found.sign, found.share, found.num_decided) == (0, 1.0, 0)


def test_sub_windows_that_both_fill_are_undecided():
    # Widths of 2 and 1 decades on grids of 3 decades.
    first = plant("bowl", width=2.0, undecayed=False)
    second = plant("bowl", width=1.0, undecayed=False)
    found = window_agreement(first, second, 1.0)
    assert found.sign == 1
    assert found.share > 0.8
    flat = window_agreement(plant("flat"), plant("flat"), 1.0)
    assert (flat.sign, flat.share, flat.num_decided) == (0, 1.0, 0)


def test_no_decay_belongs_to_every_window():
    landscape = Landscape([1, 2, 3], [0, 1, 2], np.arange(9.0).reshape(3, 3))
    part = sub_landscape(landscape, (slice(1, 2), slice(0, 2)))
    np.testing.assert_array_equal(part.weight_decay, [0, 2])
    np.testing.assert_array_equal(part.means, [[0, 1], [6, 7]])
    other = Landscape([1, 2, 3], [1, 2], np.zeros((2, 3)))
    found = window_agreement(landscape, other, measure=mean)
    assert found.num_windows == (1 * 3 - 1) + 8
    assert found.share == 1


def test_divergence_stays_marked():
    diverged = [[True, False, False]]
    landscape = Landscape([1, 2, 3], [1], [[0, 1, 2]], floor=0, diverged=diverged)
    part = sub_landscape(landscape, (slice(0, 1), slice(0, 2)))
    assert part.num_diverged.tolist() == [[1, 0]]


def test_windows_without_scores_are_undecided():
    first = grid([[np.nan, np.nan, 1.0, 1.0]])
    second = grid([[0.0, 0, 0, 0]])
    found = window_agreement(first, second, measure=mean)
    assert found.num_windows == 3 + 2 + 2
    assert found.num_decided == 2 + 2 + 2  # not the window of the first two columns
    assert found.share == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "`epsilon` or `measure`"),
        ({"epsilon": 1, "measure": mean}, "`epsilon` or `measure`"),
        ({"epsilon": 1, "smallest": 0}, "`smallest` must be 1 or more"),
        ({"epsilon": -1}, "`epsilon` must be"),
        ({"epsilon": 1, "axis": "lr"}, "`axis` must be one of"),
        ({"measure": lambda landscape, reference: math.nan}, "Received NaN"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        window_agreement(Landscape(**LION), Landscape(**ADAMW), **arguments)


def test_bad_grids():
    lion = Landscape(**LION)
    with pytest.raises(ValueError, match=r"\(3, 3\) and \(1, 3\)"):
        window_agreement(lion, grid([[1, 2, 3]]), 1)
    with pytest.raises(ValueError, match="no other windows"):
        window_agreement(grid([[1]]), grid([[1]]), 1)
    with pytest.raises(ValueError, match="Received NaN"):
        window_agreement(lion, grid(np.full((3, 3), np.nan)), 1)


scores = hnp.arrays(np.int64, (3, 4), elements=st.integers(0, 9))


@settings(max_examples=20)
@given(scores, scores, st.integers(1, 4), st.floats(1e-3, 1e3))
def test_laws(first, second, smallest, scale):
    a, b = grid(first), grid(second)
    found = window_agreement(a, b, measure=mean, smallest=smallest)
    assert 0 <= found.share <= 1
    swapped = window_agreement(b, a, measure=mean, smallest=smallest)
    assert swapped.share == found.share
    assert swapped.sign == -found.sign
    moved = Landscape(b.learning_rate * scale, b.weight_decay / scale, b.means + 0.0)
    assert window_agreement(a, moved, measure=mean, smallest=smallest) == found
    above = window_agreement(a, grid(first - 1), measure=mean, smallest=smallest)
    assert above.sign == 1
    assert above.share_of_sub_windows == (1 if smallest < 4 else 0)


def test_signs_of_single_windows_by_hand():
    first, second = (
        grid([[10.0, 0, -9]]),
        grid([[0.0, 0, 0]]),
    )
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
    first, second = (
        grid([[9.0, 9, 9], [0, 0, 0]]),
        grid([[1.0, 1, 1], [1, 1, 1]]),
    )
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
