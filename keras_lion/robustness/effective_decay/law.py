"""The product law, the claim that lr × λ alone explains the score, and its verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_lion.robustness.effective_decay.description import (
    FEWEST_COLUMNS,
    Ridge,
    SingleIndex,
    groupings,
    isoline_slope,
    misfit_shares,
    num_trained_columns,
    product_quadratic,
    ridge,
    single_index,
    variation,
)
from keras_lion.robustness.effective_decay.equivalence import (
    Equivalence,
    countable,
    equivalence_test,
    largest_spread,
    permutation_test,
)
from keras_lion.robustness.grid import has_lines, with_decay
from keras_lion.robustness.landscape import Array, Landscape
from keras_lion.robustness.verdict import Outcome, Verdict, inert_decay_cautions
from keras_lion.statistics import Interval


@dataclass(frozen=True)
class ProductLaw:
    """What a landscape says of the product law.

    Attributes:
        untestable: Why the law cannot be tested here, in one sentence; empty if it can.
        notes: What could not be computed and why, one sentence each: the numbers
            concerned are NaN or None.
        r2_product: R² of one mean for each value of lr·λ.
        r2_ratio: R² of one mean for each value of lr/λ.
        r2_additive: R² of lr and λ apart; as many parameters as the other two.
        r2_quadratic: R² of a parabola in log(lr·λ).
        r2_quadratic_loo: The same with each cell predicted from the others.
        angle_degrees: Direction in which the score changes, to 0.5°: 45 is lr·λ alone.
        isoline_slope: d log λ / d log lr of equal scores of a fitted plane: −1 is lr·λ.
        ridge_slope: d log λ* / d log lr of the best weight decay: −1 is lr·λ.
        permutation_p: p of "scores depend on lr·λ only" against a change in one
            direction along its lines. A large p is no support.
        smallest_permutation_p: Smallest p that this grid allows.
        largest_spread: Largest difference of two mean scores with one lr·λ.
        ridge: The ridge with its interval over seeds; None without a weight decay.
        single_index: The direction with its R² and interval; None without one.
        equivalence: Tests of the spread against the margin; None without a margin or
            without lines of equal lr·λ.
        misfit_shares: Share of the misfit of lr·λ due to each cell, shape (m, n): the
            cells that break the law.
        confidence: Of the intervals; 1 − confidence is the level of the tests.
    """

    untestable: str
    notes: tuple[str, ...]
    r2_product: float
    r2_ratio: float
    r2_additive: float
    r2_quadratic: float
    r2_quadratic_loo: float
    angle_degrees: float
    isoline_slope: float
    ridge_slope: float
    permutation_p: float
    smallest_permutation_p: float
    largest_spread: float
    ridge: Ridge | None
    single_index: SingleIndex | None
    equivalence: Equivalence | None
    misfit_shares: Array = field(compare=False, repr=False)
    confidence: float

    @property
    def supported(self) -> bool:
        """Whether the seeds show the law.

        The scores on every line of equal lr·λ lie within the margin (equivalence), and
        the direction does not exclude the product.
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

        The spread on a line of equal lr·λ exceeds the margin, or the direction excludes
        the product. Neither supported nor rejected: too few seeds for their noise, or
        no margin was given.
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
    generator: np.random.Generator | None = None,
) -> ProductLaw:
    """Ask in three ways whether lr·λ alone explains the score.

    Failing to reject a law is no support for it. So there are

    - the ridge: the slope of log λ*(log lr) over the learning rates that train, with an
      interval, against −1 (`ridge`);
    - equivalence: two one-sided tests of the spread along lines of equal lr·λ against a
      margin declared before (`equivalence_test`);
    - description: R² of the groupings by lr·λ, by lr/λ and of lr and λ apart, with as
      many parameters each (`groupings`), the direction of change (`single_index`), a
      permutation test (`permutation_test`), and the cells that break the law
      (`misfit_shares`).

    It is untestable where nothing trains, training without decay is within ε of the
    best, fewer than three learning rates train, there is one weight decay, or no two
    cells differ by more than the margin. The row of no decay serves that check only.
    Diverged runs count with their floor; `without_diverged` leaves their cells out: a
    divergence edge that follows the learning rate alone breaks the law.

    Args:
        landscape: Scores on a grid. Anti-diagonals are lines of equal lr·λ if both axes
            have one geometric ratio (to 5 % of a step); on other grids the groupings,
            the permutation and the equivalence test are undefined, the rest is not.
        epsilon: Loss of score that counts as none, in its unit; 0 or more.
        margin: Difference of score along a line that counts as none, declared before
            the scores were seen. None: `epsilon`; if that is 0, nothing is tested
            against a margin and the law cannot be supported.
        confidence: Of the intervals, in (0, 1).
        generator: For the permutation test of grids larger than about 6 × 6.

    Returns:
        All of it.

    Raises:
        ValueError: If `epsilon`, `margin` or `confidence` is out of range.

    Example:

    ```python
    import numpy as np

    x = np.arange(5.0)
    scores = -((x + x[:, None] - 4) ** 2)  # best where lr·λ = 1e-4
    product_law(Landscape(10 ** (x - 4), 10 ** (x - 4), scores)).r2_product  # 1.0
    ```

    References:
        - Chen et al. (2023). Symbolic discovery of optimization algorithms, figure 8.
        - Altman and Bland (1995). Absence of evidence is not evidence of absence.
    """
    margin = _checked(epsilon, margin, confidence)
    decayed = None if _without_scores(landscape) else with_decay(landscape)
    notes: list[str] = []
    return ProductLaw(
        untestable=_why_untestable(landscape, decayed, epsilon, margin),
        **_on_any_grid(decayed, confidence, notes),
        **_on_lines(landscape, decayed, margin, generator, notes),
        notes=tuple(notes),
        confidence=confidence,
    )


def _on_any_grid(
    decayed: Landscape | None, confidence: float, notes: list[str]
) -> dict[str, Any]:
    """What fits say, whatever the spacing of the axes."""
    if decayed is None:
        names = ("r2_quadratic", "r2_quadratic_loo", "angle_degrees", "isoline_slope")
        numbers = dict.fromkeys((*names, "ridge_slope"), math.nan)
        return {**numbers, "ridge": None, "single_index": None}
    top, index = ridge(decayed, confidence), single_index(decayed, confidence)
    if math.isnan(top.interval.estimate):
        notes.append(
            f"The best weight decay lies inside the grid at {len(top.learning_rate)} "
            f"learning rates; a ridge needs {FEWEST_COLUMNS}."
        )
    if index.interval.n < 2:
        notes.append("One seed: no intervals, and no test against the margin.")
    fitted, predicted = product_quadratic(decayed)
    return {
        "r2_quadratic": fitted,
        "r2_quadratic_loo": predicted,
        "angle_degrees": index.degrees,
        "isoline_slope": isoline_slope(decayed),
        "ridge_slope": top.interval.estimate,
        "ridge": top,
        "single_index": index,
    }


def _on_lines(
    landscape: Landscape,
    decayed: Landscape | None,
    margin: float,
    generator: np.random.Generator | None,
    notes: list[str],
) -> dict[str, Any]:
    """What needs cells of equal lr·λ."""
    if decayed is None or not has_lines(decayed):
        if decayed is not None:
            notes.append(
                "The axes do not share one geometric ratio, so that no cells have "
                "equal lr·λ: no groupings, no permutation or equivalence test."
            )
        names = (
            "r2_product",
            "r2_ratio",
            "r2_additive",
            "permutation_p",
            "smallest_permutation_p",
            "largest_spread",
        )
        return {
            **dict.fromkeys(names, math.nan),
            "equivalence": None,
            "misfit_shares": np.full(landscape.means.shape, math.nan),
        }
    groups = groupings(decayed)
    numbers = {
        "r2_product": groups.product,
        "r2_ratio": groups.ratio,
        "r2_additive": groups.additive,
        "permutation_p": math.nan,
        "smallest_permutation_p": math.nan,
        "largest_spread": largest_spread(decayed),
        "equivalence": equivalence_test(decayed, margin) if margin > 0 else None,
        "misfit_shares": misfit_shares(landscape),
    }
    if generator is None and not countable(decayed):
        notes.append("The permutation test of so many cells needs `generator`.")
    else:
        test = permutation_test(decayed, generator)
        numbers["permutation_p"] = test.p
        numbers["smallest_permutation_p"] = test.smallest_p
    return numbers


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
        return str(inert[0])
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
            f"no two cells differ by more than the margin ({spread:.3g} against "
            f"{margin:.3g}): there is nothing to explain."
        )
    return ""


def _without_scores(landscape: Landscape) -> bool:
    return not landscape.num_seeds[landscape.weight_decay > 0].any()


def _checked(epsilon: float, margin: float | None, confidence: float) -> float:
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise ValueError(
            f"`epsilon` must be a finite loss of score, 0 or more. Received: {epsilon}."
        )
    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise ValueError(
            "`margin` must be a positive difference of score that counts as none, or "
            f"None for `epsilon`. Received: {margin}."
        )
    if not 0 < confidence < 1:
        raise ValueError(
            "`confidence` must lie between 0 and 1, such as 0.95. "
            f"Received: {confidence}."
        )
    return epsilon if margin is None else margin


MARGIN = 2.0  # in ε: scores that lie within ε of their line's differ by no more


def product_verdict(
    landscape: Landscape,
    epsilon: float,
    *,
    name: str = "the optimizer",
    margin: float | None = None,
    generator: np.random.Generator | None = None,
) -> Verdict:
    """Verdict on "lr·λ alone explains the score".

    Supported where the scores on every line of equal lr·λ are shown to agree within the
    margin and no direction excludes the product; not supported where a difference on a
    line is shown to exceed the margin, or the direction excludes the product;
    underpowered where neither is shown; untestable as in `product_law`.

    Args:
        landscape: Scores on a grid.
        epsilon: Loss of score that counts as none, in its unit; more than 0.
        name: The optimizer.
        margin: Difference along a line that counts as none; declared beforehand. None:
            2 ε.
        generator: For the permutation test of large grids.

    Returns:
        The verdict. Its estimate is the slope of the ridge (−1 is lr·λ) or, where none
        can be measured, the direction of change in degrees (45 is lr·λ); its p that of
        equivalence.

    Raises:
        ValueError: If `epsilon` is not positive, or as `product_law`.

    Example:

    ```python
    print(product_verdict(lion, epsilon=0.05, name="lion"))
    ```
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise ValueError(
            f"`epsilon` must be a positive loss of score. Received: {epsilon}."
        )
    margin = MARGIN * epsilon if margin is None else margin
    law = product_law(landscape, epsilon, margin, generator=generator)
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
    estimate = Interval(math.nan, math.nan, math.nan, 0)
    number = "no direction could be measured"
    if law.ridge is not None and math.isfinite(law.ridge.interval.estimate):
        estimate = law.ridge.interval
        number = f"slope of the ridge {estimate:.2f} (−1 is lr·λ)"
    elif law.single_index is not None:
        estimate = law.single_index.interval
        number = f"direction {estimate:.0f}° (45 is lr·λ)"
    tests = law.equivalence
    spread = "no two cells with one lr·λ"
    if tests is not None and tests.num_pairs:
        spread = (
            f"largest difference with one lr·λ {tests.largest:.3g}, against a margin "
            f"of {margin:.3g}"
        )
    said = {
        "untestable": law.untestable,
        "supported": f"the scores on lines of equal lr·λ agree: {spread}; {number}.",
        "not supported": f"lr·λ alone does not explain the score: {spread}; {number}.",
        "underpowered": f"the seeds show neither agreement nor difference: {spread}; "
        f"{number}.",
    }
    return Verdict(
        outcome=outcome,
        claim=f"lr·λ alone explains the score of {name}.",
        sentence=said[outcome],
        estimate=estimate,
        p=math.nan if tests is None else tests.p,
        smallest_p=math.nan,
        detectable_gap=math.nan,
        window_share=math.nan,
        direction=0,
        reasons=(law.untestable,) if law.untestable else law.notes,
    )
