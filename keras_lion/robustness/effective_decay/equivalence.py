"""Whether scores agree along lines of equal lr × λ: an equivalence test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from keras_lion.robustness.effective_decay.description import check_lines
from keras_lion.robustness.grid import product_index, with_decay
from keras_lion.robustness.landscape import Array, Landscape


@dataclass(frozen=True)
class Equivalence:
    """Whether the scores along every line of equal lr × λ agree within a margin.

    Attributes:
        margin: The margin that was declared, in the unit of the score.
        largest: Largest mean difference of two cells on one line, over their shared
            seeds.
        p: p value of "some difference on a line is the margin or more": small is
            support for the product law.
        p_larger: p value of "no difference on a line exceeds the margin", corrected for
            the number of pairs: small speaks against the product law.
        num_pairs: Number of pairs of cells on one line.
    """

    margin: float
    largest: float
    p: float
    p_larger: float
    num_pairs: int


def equivalence_test(landscape: Landscape, margin: float) -> Equivalence:
    """Test whether scores along every line of equal lr × λ lie within a margin.

    For each two cells a, b of a line, with D the mean over seeds of their paired
    difference and s its standard error, two one-sided t tests with S − 1 degrees of
    freedom ask whether −margin < D < margin:

        p_ab = max(P(t ≥ (margin − D) / s), P(t ≥ (margin + D) / s)).

    All pairs must pass, p = max p_ab, so that no correction is needed
    (intersection-union). In the other direction the smallest p of "|D| > margin" is
    multiplied by the number of tests, twice the pairs (Bonferroni). The row of no decay
    is left out; missing cells and seeds take no part.

    Returns:
        The result. Both p are 1 where a test shows nothing: without any pair, and for a
        pair that has fewer than two seeds in common.

    References:
        - Schuirmann (1987). A comparison of the two one-sided tests procedure and the
          power approach for assessing the equivalence of average bioavailability.
        - Berger (1982). Multiparameter hypothesis testing and acceptance sampling.
    """
    check_margin(margin)
    landscape = with_decay(landscape)
    check_lines(landscape)
    differences = _differences(landscape.scores)
    if not differences:
        return Equivalence(margin, 0.0, 1.0, 1.0, 0)
    tests = [_tests(values, margin) for values in differences]
    within, beyond = np.transpose(tests)
    return Equivalence(
        margin=margin,
        largest=max(abs(float(values.mean())) for values in differences),
        p=float(within.max()),
        p_larger=float(min(1.0, 2 * len(tests) * beyond.min())),
        num_pairs=len(tests),
    )


def check_margin(margin: float) -> None:
    if not (math.isfinite(margin) and margin > 0):
        raise ValueError(
            "`margin` must be a positive difference of score that counts as none. "
            f"Received: {margin}."
        )


def largest_spread(landscape: Landscape) -> float:
    """Largest difference of two mean scores on one line of equal lr × λ."""
    landscape = with_decay(landscape)
    check_lines(landscape)
    means, product = landscape.means, product_index(landscape.means.shape)
    lines = [means[(product == k) & np.isfinite(means)] for k in np.unique(product)]
    return max(float(np.ptp(line)) if len(line) else 0.0 for line in lines)


def _differences(scores: Array) -> list[Array]:
    """Paired differences over seeds of every two cells of a line."""
    product = product_index(scores.shape)
    found = []
    for number in range(product.max() + 1):
        for a, b in combinations(scores[product == number], 2):
            both = np.isfinite(a - b)
            if both.any():
                found.append((a - b)[both])
    return found


def _tests(values: Array, margin: float) -> tuple[float, float]:
    """p of "|mean| ≥ margin" and of "|mean| ≤ margin", the latter for one side."""
    if len(values) < 2:
        return 1.0, 1.0  # nothing is known of the noise, so nothing is shown
    size = abs(float(values.mean()))
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    if error == 0:
        # Seeds agree to the last digit: no doubt is left.
        return float(size >= margin), float(size <= margin)
    t = (margin - size) / error
    freedom = len(values) - 1
    return float(stats.t.sf(t, freedom)), float(stats.t.cdf(t, freedom))
