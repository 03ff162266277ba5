"""The flagship's claim: does lr·λ alone set the time to generalise?"""

from __future__ import annotations

import math

from outcome import Measured, Outcome, negative, written
from runs import coverage, declared, is_complete, runs_of
from shared import missing

from keras_lion.robustness import iso_product

SLOPE = 0.15  # of log steps over log lr: what the predictions allow


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
            if math.isnan(along.estimate) or cells < 6:
                outcome = "untestable"
            elif beyond:
                outcome = "not reproduced"
            declared_cells = int((lines.landscape.num_seeds > 0).sum())
            found.append(
                Measured(
                    where=f"{task}, {optimizer}",
                    text=f"d log steps / d log lr along lines {written(along)}, across "
                    f"them d log steps / d log lr·λ {written(across)}; {cells} of "
                    f"{declared_cells} cells reach the target with every seed",
                    outcome=outcome,
                    interval=along,
                    errors=coverage("tolerance width", along.n),
                )
            )
    return found
