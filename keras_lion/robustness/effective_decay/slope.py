"""Whether lr × λ alone sets the time to a target: the slope along its lines."""

from __future__ import annotations

import math

import numpy as np

from keras_lion.robustness.effective_decay.lines import IsoProduct
from keras_lion.robustness.verdict import Outcome, Verdict
from keras_lion.robustness.wording import with_unit

# A slope over the two decades of learning rate that lines have, at most.
DECADES_OF_LINES = 2
FEWEST_CELLS = 6


def slope_verdict(lines: IsoProduct, *, margin: float, claim: str) -> Verdict:
    """Verdict on "the score does not change along lines of equal lr × λ".

    Returns:
        Supported where the interval of the slope lies within the margin and no two
        cells of one line differ by more than that slope over two decades; untestable
        where fewer than six cells reach the target with every seed.
    """
    along = lines.slope_along_lines.scaled(-1)  # scores are −log₁₀ steps
    across = lines.slope_over_product.scaled(-1)
    cells, declared = (
        int(lines.fitted.sum()),
        int((lines.landscape.num_seeds > 0).sum()),
    )
    reached = (
        f"{cells} of {with_unit(str(declared), 'cells')} "
        f"{'reaches' if cells == 1 else 'reach'} the target with every seed"
    )
    if math.isnan(along.estimate):
        return Verdict.untestable(claim, f"{reached}.")
    change = largest_change(lines)
    outcome: Outcome = "underpowered"
    reasons: tuple[str, ...] = ()
    if cells < FEWEST_CELLS:
        outcome, reasons = "untestable", (f"{reached}; {FEWEST_CELLS} are needed.",)
    elif along.low > margin or along.high < -margin:
        outcome = "not supported"
    elif change > DECADES_OF_LINES * margin:
        outcome, reasons = "not supported", ("no straight slope, but a curve.",)
    elif along.low >= -margin and along.high <= margin:
        outcome = "supported"
    return Verdict(
        outcome=outcome,
        claim=claim,
        sentence=f"d log steps / d log lr along lines {along:.2f}, across them "
        f"d log steps / d log (lr × λ) {across:.2f}; steps at equal lr × λ differ "
        f"by up to {change:.2f} decades; {reached}.",
        estimate=along,
        reasons=reasons,
    )


def cells_by_product(lines: IsoProduct) -> dict[float, list[tuple[float, float]]]:
    """Product → learning rate and log₁₀ steps of its cells that reach the target."""
    landscape = lines.landscape
    found: dict[float, list[tuple[float, float]]] = {}
    for i, j in zip(*np.nonzero(lines.fitted), strict=True):
        rate, decay = landscape.learning_rate[j], landscape.weight_decay[i]
        product = float(f"{rate * decay:.2g}")
        found.setdefault(product, []).append((float(rate), -float(lines.means[i, j])))
    return dict(sorted(found.items()))


def largest_change(lines: IsoProduct) -> float:
    """Largest difference of log₁₀ steps between cells of one product."""
    steps = [[y for _, y in cells] for cells in cells_by_product(lines).values()]
    return max((max(each) - min(each) for each in steps), default=math.nan)
