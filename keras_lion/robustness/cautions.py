"""What a reader must know before believing a landscape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_lion.robustness.boundary import boundary_optimum
from keras_lion.robustness.landscape import Landscape
from keras_lion.statistics import FEW

Kind = Literal["edge", "inert_decay", "few_seeds", "missing", "diverged", "window"]


@dataclass(frozen=True)
class Caution:
    """A reason to believe less.

    Attributes:
        kind: `"edge"` (verdicts are provisional), `"inert_decay"` (the product law is
            untestable), `"few_seeds"`, `"missing"`, `"diverged"` or `"window"`
            (grids of unlike size).
        text: One sentence for the reader.
    """

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


def edge_cautions(landscape: Landscape) -> list[Caution]:
    """Say on which sides of the grid the best cell lies, and where to search next."""
    if landscape.empty or landscape.all_diverged:
        return []
    return [
        Caution(
            "edge",
            f"the best cell lies on the {at.side} {at.axis} edge of the grid "
            f"({at.axis} = {getattr(landscape.best, at.axis):.3g}): the optimum may "
            f"lie beyond it. Extend the grid to {_list(at.next_values)}.",
        )
        for at in boundary_optimum(landscape)
    ]


def inert_decay_cautions(landscape: Landscape, epsilon: float) -> list[Caution]:
    """Say whether training without decay is as good as the best, within `epsilon`."""
    if landscape.empty or landscape.all_diverged or landscape.weight_decay[0] > 0:
        return []
    undecayed = landscape.means[0][np.isfinite(landscape.means[0])]
    if not (undecayed >= landscape.best.value - epsilon).any():
        return []
    return [
        Caution(
            "inert_decay",
            f"without weight decay the score is within {epsilon:g} of the best: decay "
            "is inert here, and the lr × λ law cannot be tested.",
        )
    ]


def seed_cautions(landscape: Landscape) -> list[Caution]:
    """Say whether the best cell has too few seeds for more than an indication."""
    if landscape.empty or (n := landscape.best_interval.n) >= FEW:
        return []
    seeds = "one seed" if n == 1 else f"{n} seeds"
    return [
        Caution("few_seeds", f"the best cell has {seeds}: the numbers are indicative.")
    ]


def missing_cautions(landscape: Landscape) -> list[Caution]:
    """Say how many cells have no score, or fewer seeds than others."""
    if landscape.empty:
        return [Caution("missing", "no run has finished.")]
    counts = landscape.num_seeds
    cautions = []
    if absent := int((counts == 0).sum()):
        cautions.append(
            Caution("missing", f"{absent} of {counts.size} cells have no score.")
        )
    if partial := int(((counts > 0) & (counts < counts.max())).sum()):
        cautions.append(
            Caution(
                "missing",
                f"{partial} of {counts.size} cells have fewer than the "
                f"{counts.max()} seeds of the others.",
            )
        )
    return cautions


def divergence_cautions(landscape: Landscape) -> list[Caution]:
    """Say whether most of the window does not train."""
    if landscape.empty or landscape.diverged_share <= 0.5:
        return []
    if landscape.all_diverged:
        return [Caution("diverged", "every run diverged: move the grid.")]
    share = round(100 * landscape.diverged_share)
    return [Caution("diverged", f"{share} % of the runs diverged: move the grid.")]


def window_cautions(landscapes: Mapping[str, Landscape]) -> list[Caution]:
    """Say whether the optimizers were searched over windows of unlike size."""
    sizes = {name: _window(landscape) for name, landscape in landscapes.items()}
    if len(set(sizes.values())) < 2:
        return []
    texts = [f"{name} over {size}" for name, size in sizes.items()]
    return [
        Caution(
            "window",
            "The grids differ in size, so that widths and regrets cannot be compared "
            f"as they are: {'; '.join(texts)}.",
        )
    ]


def cautions_of(landscape: Landscape, epsilon: float) -> list[Caution]:
    """All cautions of one landscape.

    Args:
        landscape: Scores on a grid.
        epsilon: Loss of score that counts as none, in its unit.

    Returns:
        Cautions, the gravest first; empty if there is nothing to say.

    Example:

    ```python
    for caution in cautions_of(landscape, epsilon=0.05):
        print(caution)
    ```
    """
    return [
        *missing_cautions(landscape),
        *divergence_cautions(landscape),
        *edge_cautions(landscape),
        *inert_decay_cautions(landscape, epsilon),
        *seed_cautions(landscape),
    ]


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


def _list(values: tuple[float, ...]) -> str:
    return " and ".join(f"{value:.3g}" for value in values)
