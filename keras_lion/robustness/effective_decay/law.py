"""The product law, the claim that lr × λ alone explains the score, and its verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from keras_lion.robustness.cautions.edge_cautions import inert_decay_cautions
from keras_lion.robustness.effective_decay.description import (
    FEWEST_COLUMNS,
    Groupings,
    Ridge,
    SingleIndex,
    groupings,
    num_trained_columns,
    ridge,
    single_index,
    variation,
)
from keras_lion.robustness.effective_decay.equivalence import (
    Equivalence,
    check_margin,
    equivalence_test,
    largest_spread,
)
from keras_lion.robustness.frames.quantity import SCORE
from keras_lion.robustness.grid import has_lines, with_decay
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.tolerance import check_epsilon
from keras_lion.robustness.verdict import (
    Outcome,
    Verdict,
)
from keras_lion.statistics import NOTHING, check_confidence


@dataclass(frozen=True)
class ProductLaw:
    """What a landscape shows of the product law.

    What the verdict does not use is computed when it is read: `r2_product`, `r2_ratio`,
    `r2_additive`, `largest_spread`.

    Attributes:
        untestable: Why the law cannot be tested here, in one sentence; empty if it can.
        notes: What could not be computed and why, one sentence each: the numbers
            concerned are NaN or None.
        ridge: The ridge with its interval over seeds; None without a weight decay.
        single_index: The direction with its R² and interval; None without one.
        equivalence: Tests of the spread against the margin; None without a margin or
            without lines of equal lr × λ.
        confidence: Of the intervals; 1 − confidence is the level of the tests.
        lined: The scores with decay, where cells have equal lr × λ; None elsewhere.
    """

    untestable: str
    notes: tuple[str, ...]
    ridge: Ridge | None
    single_index: SingleIndex | None
    equivalence: Equivalence | None
    confidence: float
    lined: Landscape | None = field(compare=False, repr=False)

    @property
    def r2_product(self) -> float:
        """R² of one mean for each value of lr × λ."""
        return self._r2.product

    @property
    def r2_ratio(self) -> float:
        """R² of one mean for each value of lr / λ."""
        return self._r2.ratio

    @property
    def r2_additive(self) -> float:
        """R² of lr and λ apart; as many parameters as the other two."""
        return self._r2.additive

    @property
    def ridge_slope(self) -> float:
        """d log λ* / d log lr of the best weight decay: −1 is lr × λ."""
        return math.nan if self.ridge is None else self.ridge.interval.estimate

    @cached_property
    def largest_spread(self) -> float:
        """Largest difference of two mean scores at equal lr × λ."""
        return math.nan if self.lined is None else largest_spread(self.lined)

    @cached_property
    def _r2(self) -> Groupings:
        if self.lined is None:
            return Groupings(math.nan, math.nan, math.nan)
        return groupings(self.lined)

    @property
    def supported(self) -> bool:
        """Whether the seeds show the law.

        The scores on every line of equal lr × λ lie within the margin (equivalence),
        and the direction does not exclude the product.
        """
        return (
            not self.untestable
            and self.equivalence is not None
            and self.equivalence.p <= 1 - self.confidence
            and not self.direction_excluded
        )

    @property
    def rejected(self) -> bool:
        """Whether the seeds speak against the law.

        The spread on a line of equal lr × λ exceeds the margin, or the direction
        excludes the product. Neither supported nor rejected: too few seeds for their
        noise, or no margin was given.
        """
        beyond = (
            self.equivalence is not None
            and self.equivalence.p_larger <= 1 - self.confidence
        )
        return not self.untestable and (beyond or self.direction_excluded)

    @property
    def direction_excluded(self) -> bool:
        """Whether the intervals of both ridge and single index exclude the product.

        Of one of them, where the other has no interval: a score that is best at an edge
        has a direction but no ridge. One alone would speak against true product laws
        too often: next to strong noise the ridge leans towards 0, because columns whose
        best cell is at the edge drop out.
        """
        found = [each for each in (self.ridge, self.single_index) if each is not None]
        known = [each for each in found if math.isfinite(each.interval.low)]
        return bool(known) and not any(each.holds_product for each in known)


def product_law(
    landscape: Landscape,
    epsilon: float = 0.0,
    margin: float | None = None,
    *,
    confidence: float = 0.95,
) -> ProductLaw:
    """Test whether lr × λ alone explains the score.

    Failing to reject a law is no support for it. So there are

    - the ridge: the slope of log λ*(log lr) over the learning rates that train, with an
      interval, against −1 (`ridge`), and the direction of change (`single_index`);
    - equivalence: two one-sided tests of the spread along lines of equal lr × λ against
      a margin declared before (`equivalence_test`);
    - description, computed when it is read: R² of the groupings by lr × λ, by lr / λ
      and of lr and λ apart (`groupings`), over cells without a diverged seed.

    It is untestable where nothing trains, training without decay is within ε of the
    best, fewer than three learning rates train, there is one weight decay, or no two
    cells differ by more than the margin. The row of no decay serves that check only.
    In the tests diverged runs count with their floor: a divergence edge that follows
    the learning rate alone breaks the law.

    Args:
        landscape: Scores on a grid. Anti-diagonals are lines of equal lr × λ if both
            axes have one geometric ratio (to 5 % of a step); on other grids the
            groupings and the equivalence test are undefined.
        epsilon: Loss of score that counts as none, in its unit; 0 or more.
        margin: Difference of score along a line that counts as none, declared before
            the scores were seen. None: `epsilon`; if that is 0, nothing is tested
            against a margin and the law cannot be supported.
        confidence: Of the intervals, in (0, 1).

    Returns:
        All of it.

    Raises:
        ValueError: If `epsilon`, `margin` or `confidence` is out of range.

    Example:

    ```python
    import numpy as np

    x = np.arange(5.0)
    scores = -((x + x[:, None] - 4) ** 2)  # best where lr × λ = 1e-4
    product_law(Landscape(10 ** (x - 4), 10 ** (x - 4), scores)).r2_product  # 1.0
    ```

    References:
        - Chen et al. (2023). Symbolic discovery of optimization algorithms, figure 8.
        - Altman and Bland (1995). Absence of evidence is not evidence of absence.
    """
    margin = _checked(epsilon, margin, confidence)
    decayed = None if _without_scores(landscape) else with_decay(landscape)
    lined = decayed if decayed is not None and has_lines(decayed) else None
    notes: list[str] = []
    top = index = None
    if decayed is not None:
        top, index = ridge(decayed, confidence), single_index(decayed, confidence)
        if math.isnan(top.interval.estimate):
            notes.append(
                "The best weight decay lies inside the grid at "
                f"{len(top.learning_rate)} learning rates; a ridge needs "
                f"{FEWEST_COLUMNS}."
            )
        if index.interval.n < 2:
            notes.append("One seed: no intervals, and no test against the margin.")
        if lined is None:
            notes.append(
                "The axes do not share one geometric ratio, so that no cells have "
                "equal lr × λ: no groupings and no equivalence test."
            )
    testable = lined is not None and margin > 0
    return ProductLaw(
        untestable=_why_untestable(landscape, decayed, epsilon, margin),
        notes=tuple(notes),
        ridge=top,
        single_index=index,
        equivalence=equivalence_test(lined, margin) if lined and testable else None,
        confidence=confidence,
        lined=lined,
    )


def _why_untestable(
    landscape: Landscape, decayed: Landscape | None, epsilon: float, margin: float
) -> str:
    if landscape.empty:
        return "no run has finished."
    if landscape.all_diverged:
        return "every run diverged."
    if decayed is None:
        return "no run with weight decay has finished."
    inert = inert_decay_cautions(landscape, epsilon)
    if inert:
        return inert[0]
    columns = num_trained_columns(decayed)
    if columns < FEWEST_COLUMNS:
        return (
            f"too few learning rates train with weight decay: {columns} of "
            f"{len(decayed.learning_rate)} ({FEWEST_COLUMNS} are needed)."
        )
    scored = np.isfinite(decayed.means)
    if scored.any(axis=1).sum() < 2:
        return "there is one positive weight decay."
    spread = float(np.ptp(decayed.means[scored]))
    if spread <= margin or math.isnan(variation(decayed.means[scored])):
        return (
            f"no two cells differ by more than the margin "
            f"({landscape.quantity.amount(spread)} against "
            f"{landscape.quantity.amount(margin)}): there is nothing to explain."
        )
    return ""


def _without_scores(landscape: Landscape) -> bool:
    return not landscape.num_seeds[landscape.weight_decay > 0].any()


def _checked(epsilon: float, margin: float | None, confidence: float) -> float:
    check_epsilon(epsilon)
    check_confidence(confidence)
    if margin is not None:
        check_margin(margin)
    return epsilon if margin is None else margin


MARGIN = 2.0  # in ε: scores that lie within ε of their line's differ by no more


def product_verdict(
    landscape: Landscape,
    epsilon: float,
    *,
    name: str = "the optimizer",
    margin: float | None = None,
) -> Verdict:
    """Verdict on "lr × λ alone explains the score".

    Supported where the scores on every line of equal lr × λ are shown to agree within
    the margin and no direction excludes the product; not supported where a difference
    on a line is shown to exceed the margin, or the direction excludes the product;
    underpowered where neither is shown; untestable as in `product_law`.

    Returns:
        The verdict. Its estimate is the slope of the ridge (−1 is lr × λ) or, where
        none can be measured, the direction of change in degrees (45 is lr × λ); its p
        that of equivalence.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise ValueError(
            f"`epsilon` must be a positive loss of score. Received: {epsilon}."
        )
    margin = MARGIN * epsilon if margin is None else margin
    law = product_law(landscape, epsilon, margin)
    return verdict_of_law(law, name, margin)


def verdict_of_law(law: ProductLaw, name: str, margin: float) -> Verdict:
    """The verdict on a `product_law` that was tested against `margin`."""
    outcome: Outcome
    if law.untestable:
        outcome = "untestable"
    elif law.supported:
        outcome = "supported"
    else:
        outcome = "not supported" if law.rejected else "underpowered"
    estimate = NOTHING
    number = "no direction could be measured"
    if law.ridge is not None and math.isfinite(law.ridge.interval.estimate):
        estimate = law.ridge.interval
        number = f"slope of the ridge {estimate:.2f} (−1 is lr × λ)"
    elif law.single_index is not None and math.isfinite(
        law.single_index.interval.estimate
    ):
        estimate = law.single_index.interval
        number = f"angle of the steepest change {estimate:.0f} degrees (45 is lr × λ)"
    tests = law.equivalence
    quantity = SCORE if law.lined is None else law.lined.quantity
    spread = "no two cells have equal lr × λ"
    if tests is not None and tests.num_pairs:
        spread = (
            f"{quantity.name} at equal lr × λ differs by up to "
            f"{quantity.amount(tests.largest)} (margin {quantity.amount(margin)})"
        )
    found = {
        "untestable": law.untestable,
        "supported": f"the scores at equal lr × λ agree: {spread}; {number}.",
        "not supported": f"lr × λ alone does not explain the score: {spread}; "
        f"{number}.",
        "underpowered": f"the seeds show neither agreement nor difference: {spread}; "
        f"{number}.",
    }
    return Verdict(
        outcome=outcome,
        claim=f"lr × λ alone explains the score of {name}.",
        sentence=found[outcome],
        estimate=estimate,
        p=math.nan if tests is None else tests.p,
        reasons=(law.untestable,) if law.untestable else law.notes,
    )
