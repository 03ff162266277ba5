"""What a search must beat: tuned constants and random programs, at a larger budget.

Both are searches themselves, by the method of their settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from keras_lion.discovery.search.search_state import Method, SearchState

METHODS: tuple[Method, ...] = get_args(Method)
BUDGET_FACTOR = 4  # the baselines' evaluations for one of the search, as in the paper


def best_after(state: SearchState, evaluations: Sequence[int]) -> np.ndarray:
    """Best fitness of a search after numbers of evaluations, each 1 or more.

    NaN after the search's last evaluation.
    """
    counts = [found.num_evaluations for found in state.improvements]
    values = np.array([found.individual.fitness for found in state.improvements])
    asked = np.asarray(evaluations)
    found = values[np.searchsorted(counts, asked, side="right") - 1]
    return np.where(asked > state.num_evaluations, np.nan, found)
