"""The flagship's claim: does lr·λ alone set the time to generalise?"""

from __future__ import annotations

import math

import numpy as np
from outcome import Measured, Outcome, negative, written
from runs import declared, is_complete, jackknife_errors, runs_of
from shared import missing

from keras_lion.robustness.effective_decay.lines import IsoProduct, iso_product

SLOPE = 0.15  # of log steps over log lr: what the predictions allow
CHANGE = 2 * SLOPE  # decades of steps: that slope over the two decades of lr


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


def time_to_generalise() -> list[Measured]:
    """lr·λ alone sets the steps to the target: no slope along lines of equal lr·λ."""
    study, found = "effective_decay", []
    for task in declared(study).plans:
        if not is_complete(study, task):
            found.append(missing(task))
            continue
        frame = runs_of(study, task)
        for optimizer in ("adamw", "lion", "signum"):
            lines = iso_product(frame, optimizer=optimizer)
            along = negative(lines.slope_along_lines)  # scores are −log10 steps
            across = negative(lines.slope_over_product)
            within = along.low >= -SLOPE and along.high <= SLOPE
            beyond = along.low > SLOPE or along.high < -SLOPE
            outcome: Outcome = "reproduced" if within else "underpowered"
            cells = int(lines.fitted.sum())
            declared_cells = int((lines.landscape.num_seeds > 0).sum())
            share = f"{cells} of {declared_cells} cells"
            reached = f"{share} reach the target with every seed"
            if math.isnan(along.estimate):
                found.append(Measured(f"{task}, {optimizer}", reached, "untestable"))
                continue
            change = largest_change(lines)
            reasons: tuple[str, ...] = ()
            if cells < 6:
                outcome = "untestable"
            elif beyond:
                outcome = "not reproduced"
            elif change > CHANGE:
                outcome = "not reproduced"
                reasons = ("no straight slope, but a curve",)
            found.append(
                Measured(
                    where=f"{task}, {optimizer}",
                    text=f"d log steps / d log lr along lines {written(along)}, across "
                    f"them d log steps / d log lr·λ {written(across)}; steps at one "
                    f"lr·λ differ by up to {change:.2f} decades; {reached}",
                    outcome=outcome,
                    interval=along,
                    errors=jackknife_errors(along.n),
                    reasons=reasons,
                )
            )
    return found
