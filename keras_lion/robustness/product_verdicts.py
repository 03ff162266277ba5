"""What a landscape says of the product law: a verdict."""

from __future__ import annotations

import math

import numpy as np

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.product import ProductLaw, product_law
from keras_lion.robustness.verdicts import Outcome, Verdict
from keras_lion.statistics import Interval

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
