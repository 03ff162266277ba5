"""What several claims ask of the runs of one task."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from outcome import Measured, negative, outcome_of, scaled, written
from runs import coverage, is_complete, landscapes, runs_of

from keras_lion.robustness import (
    Landscape,
    boundary_optimum,
    compare_best,
    window_agreement,
)

POINTS = 0.5  # percentage points of accuracy that are too few to matter
NATS = 0.02  # of validation loss


def missing(where: str) -> Measured:
    """Runs that were declared and are not in the table."""
    return Measured(where, "declared; not all of its runs were made", "not run yet")


def each_task(
    study: str, measure: Callable[[str, pd.DataFrame], Measured], *tasks: str
) -> list[Measured]:
    """One measurement a task, of those whose runs are complete."""
    return [
        measure(task, runs_of(study, task))
        if is_complete(study, task)
        else missing(task)
        for task in tasks
    ]


def difference_of_best(
    frame: pd.DataFrame, first: str, second: str, *, where: str, claimed: int
) -> Measured:
    """Difference of best scores, in points of accuracy or in nats."""
    is_loss = (frame["metric"] == "loss").all()
    found = landscapes(frame)
    difference = compare_best(found[first], found[second]).difference
    if not is_loss:
        difference = scaled(difference, 100)
    edges = [
        f"the optimum of {name} lies on the {edge.side} {edge.axis} edge of its grid"
        for name in (first, second)
        for edge in boundary_optimum(found[name])
        if edge.limit == "range"
    ]
    windows = windows_agreeing(found[first], found[second])
    outcome, reasons = outcome_of(
        difference if claimed > 0 else negative(difference),
        margin=NATS if is_loss else POINTS,
        windows=windows,
        limited=edges,
    )
    best = " and ".join(
        f"{name} {(1 if is_loss else 100) * found[name].best.value:.2f}".replace(
            "-", "−"
        )
        for name in (first, second)
    )
    unit = "nats" if is_loss else "points"
    return Measured(
        where=where,
        text=f"best {'−loss' if is_loss else 'accuracy'} {best}; difference "
        f"{written(difference, unit)}",
        outcome=outcome,
        interval=difference,
        windows=windows,
        errors=coverage("best score", difference.n),
        reasons=reasons,
    )


def windows_agreeing(first: Landscape, second: Landscape) -> float | None:
    """Share of other windows in which the sign of the best scores' difference stays."""
    try:
        found = window_agreement(
            first, second, measure=lambda each, reference: each.best.value - reference
        )
    except ValueError:  # grids of one cell, or of different sizes
        return None
    return found.share


def best_values(landscape: Landscape) -> NDArray[np.float64]:
    """Scores of every seed at the cell that is best on average."""
    return np.asarray(landscape.scores[landscape.best.cell])
