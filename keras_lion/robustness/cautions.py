"""Reasons to believe a landscape less, one sentence each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from keras_lion.robustness.conditions import own_columns, texts_of
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.robustness.landscape import Landscape
from keras_lion.statistics import FEW


def cautions_of(landscape: Landscape, epsilon: float) -> list[str]:
    """All cautions of one landscape, the gravest first."""
    if landscape.empty:
        return ["no run has finished."]
    return [
        *_missing(landscape),
        *_diverged(landscape),
        *edge_cautions(landscape),
        *inert_decay_cautions(landscape, epsilon),
        *_few_seeds(landscape),
    ]


def edge_cautions(landscape: Landscape) -> list[str]:
    """On which sides of the grid the best cell lies, and where to search next."""
    if landscape.empty or landscape.all_diverged:
        return []
    return [
        f"the best cell lies on the {at.side} {at.axis} edge of the grid "
        f"({at.axis} = {getattr(landscape.best, at.axis):.3g}): the optimum may "
        f"lie beyond it. Extend the grid to "
        f"{' and '.join(f'{value:.3g}' for value in at.next_values)}."
        for at in boundary_optimum(landscape)
    ]


def inert_decay_cautions(landscape: Landscape, epsilon: float) -> list[str]:
    """Whether training without decay is as good as the best, within `epsilon`."""
    if landscape.empty or landscape.all_diverged or landscape.weight_decay[0] > 0:
        return []
    undecayed = landscape.means[0][np.isfinite(landscape.means[0])]
    if not (undecayed >= landscape.best.value - epsilon).any():
        return []
    return [
        f"without weight decay the score is within {epsilon:g} of the best: decay "
        "is inert here, and the lr × λ law cannot be tested."
    ]


def window_cautions(landscapes: Mapping[str, Landscape]) -> list[str]:
    """Whether the optimizers were searched over windows of unlike size."""
    sizes = {name: _window(landscape) for name, landscape in landscapes.items()}
    if len(set(sizes.values())) < 2:
        return []
    texts = [f"{name} over {size}" for name, size in sizes.items()]
    return [
        "The grids differ in size, so that widths and regrets cannot be compared "
        f"as they are: {'; '.join(texts)}."
    ]


def unlike_cautions(runs: pd.DataFrame) -> list[str]:
    """In which hyperparameters of the study's own the optimizers differ.

    Args:
        runs: Run records of the optimizers that are compared.
    """
    cautions = []
    for name in own_columns(runs):
        settings = {
            str(optimizer): " / ".join(
                sorted({text or "none" for text in texts_of(part, name)})
            )
            for optimizer, part in runs.groupby("optimizer")
        }
        if len(set(settings.values())) > 1:
            texts = [f"{optimizer} {text}" for optimizer, text in settings.items()]
            cautions.append(
                f"The optimizers differ in {name} ({', '.join(texts)}): a difference "
                "between them may be due to it."
            )
    return cautions


def _few_seeds(landscape: Landscape) -> list[str]:
    n = landscape.best_interval.n
    if n >= FEW:
        return []
    seeds = "one seed" if n == 1 else f"{n} seeds"
    return [f"the best cell has {seeds}: the numbers are indicative."]


def _missing(landscape: Landscape) -> list[str]:
    counts = landscape.num_seeds
    cautions = []
    if absent := int((counts == 0).sum()):
        cautions.append(f"{absent} of {counts.size} cells have no score.")
    if partial := int(((counts > 0) & (counts < counts.max())).sum()):
        cautions.append(
            f"{partial} of {counts.size} cells have fewer than the "
            f"{counts.max()} seeds of the others."
        )
    return cautions


def _diverged(landscape: Landscape) -> list[str]:
    if landscape.diverged_share <= 0.5:
        return []
    if landscape.all_diverged:
        return ["every run diverged: move the grid."]
    share = round(100 * landscape.diverged_share)
    return [f"{share} % of the runs diverged: move the grid."]


def _window(landscape: Landscape) -> str:
    decays = landscape.weight_decay[landscape.weight_decay > 0]
    parts = [
        f"{len(values)} values and {np.log10(values[-1] / values[0]):.2f} decades of "
        f"{axis}"
        for axis, values in (
            ("learning_rate", landscape.learning_rate),
            ("weight_decay", decays),
        )
        if len(values)
    ]
    if landscape.weight_decay[0] == 0:
        parts.append("no decay")
    return ", ".join(parts)
