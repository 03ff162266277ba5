"""Planted landscapes: surfaces whose answers are known, with the noise of seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_lion.robustness.landscape import Array, Landscape, check_choice

Surface = Literal["bowl", "product", "ratio", "additive", "flat"]

DEPTH = 6.0  # losses of score beyond this many ε are cut off, as divergence does
UNDECAYED = 3.0  # the row without decay lies this many ε below the best
MIDDLE = (1e-3, 0.1)  # learning rate and weight decay at the center of the grid


@dataclass(frozen=True)
class Noise:
    """Standard deviations of what seeds change, in units of ε.

    score of cell c, seed s, optimizer o = truth + seed_s + optimizer_so + cell_cso.
    The defaults are near what two seeds of Lion and AdamW showed in the cells near the
    optimum of `mnist1d_mlp`, where ε is 0.05 nats.

    Attributes:
        cell: Of a run by itself.
        optimizer: Of all runs of one optimizer with one seed.
        seed: Of all runs with one seed, whatever the optimizer: what pairing removes.
    """

    cell: float = 0.4
    optimizer: float = 0.1
    seed: float = 0.6


def plant(
    surface: Surface,
    *,
    size: tuple[int, int] = (7, 7),
    ratio: float = math.sqrt(10),
    width: float = 1.0,
    curvature: float = 1.0,
    offset: tuple[float, float] = (0.0, 0.0),
    undecayed: bool = True,
    epsilon: float = 1.0,
) -> Landscape:
    """A landscape without noise, of one seed, whose properties are known.

    With x and y the decades of learning rate and weight decay from the optimum, the
    loss of score in units of ε is, cut off at 6,

    - bowl: (2x / width)² + curvature · (x + y)²: with λ retuned at each learning rate,
      the curve without a grid is within ε over `width` decades;
    - product: curvature · (x + y)²;
    - ratio: curvature · (x − y)²;
    - additive: curvature · (x² + y²);
    - flat: 0.

    Args:
        surface: Which of them.
        size: Numbers of positive weight decays and of learning rates.
        ratio: Of neighboring values, on both axes.
        width: Of the bowl, in decades.
        curvature: In ε per decade².
        offset: Where the optimum lies, in decades of (learning rate, weight decay) from
            the middle of the grid.
        undecayed: Whether there is a row without decay, 3 ε below the best (flat: 0).
        epsilon: ε, in the unit of the scores.

    Returns:
        The landscape; its best score is about 0.
    """
    check_choice("surface", surface, Surface)
    if min(*size, width, curvature, epsilon) <= 0 or ratio <= 1:
        raise ValueError(
            "`size`, `width`, `curvature` and `epsilon` must be positive and `ratio` "
            f"more than 1. Received: size={size}, width={width}, "
            f"curvature={curvature}, epsilon={epsilon}, ratio={ratio}."
        )
    decades = [(np.arange(n) - (n - 1) / 2) * math.log10(ratio) for n in size]
    y = np.asarray(decades[0][:, None] - offset[1], dtype=float)
    x = np.asarray(decades[1][None] - offset[0], dtype=float)
    lost = _lost(surface, x, y, width, curvature) * np.ones((len(y), x.shape[1]))
    decays = MIDDLE[1] * 10 ** decades[0]
    if undecayed:
        none = 0.0 if surface == "flat" else UNDECAYED
        lost = np.vstack([np.maximum(lost.min(axis=0), none), lost])
        decays = np.concatenate([[0.0], decays])
    scores = -epsilon * np.minimum(lost, DEPTH)
    return Landscape(MIDDLE[0] * 10 ** decades[1], decays, scores)


def noisy(
    truths: tuple[Landscape, ...],
    seeds: int,
    generator: np.random.Generator,
    *,
    noise: Noise | None = None,
    epsilon: float = 1.0,
) -> tuple[Landscape, ...]:
    """Landscapes of several seeds around known truths, paired by seed."""
    if seeds < 1:
        raise ValueError(f"`seeds` must be 1 or more. Received: {seeds}.")
    noise = Noise() if noise is None else noise
    shared = generator.normal(0, noise.seed, seeds)
    return tuple(
        Landscape(
            truth.learning_rate,
            truth.weight_decay,
            truth.means[..., None]
            + epsilon
            * (
                shared
                + generator.normal(0, noise.optimizer, seeds)
                + generator.normal(0, noise.cell, (*truth.means.shape, seeds))
            ),
        )
        for truth in truths
    )


def resampled(
    landscapes: tuple[Landscape, ...], seeds: int, generator: np.random.Generator
) -> tuple[Landscape, ...]:
    """Made-up seeds around real landscapes, with their spread over seeds.

    Seed k is the mean surface plus Σ_s g_ks · (scores of s − mean) / √(S − 1) with
    standard normal g: as many seeds as wanted, whose means and covariances, between
    cells and between the landscapes, are the measured ones (a multiplier bootstrap of
    whole seeds). A cell counts as diverged if at least half of its real seeds did.

    Returns:
        One landscape for each, whose truth is its `means`.

    References:
        Mammen (1993). Bootstrap and wild bootstrap for high dimensional linear models.
        Annals of Statistics 21.
    """
    known = {each.scores.shape[2] for each in landscapes}
    if len(known) != 1 or min(known) < 2:
        raise ValueError(
            "Seeds are resampled from two or more, the same for all landscapes. "
            f"Received: {landscapes}."
        )
    (real,) = known
    weights = generator.normal(0, 1, (real, seeds)) / math.sqrt(real - 1)
    made_up = []
    for each in landscapes:
        deviations = np.nan_to_num(each.scores - each.means[..., None])
        broken = 2 * each.num_diverged >= each.num_seeds.clip(1)
        made_up.append(
            Landscape(
                each.learning_rate,
                each.weight_decay,
                each.means[..., None] + deviations @ weights,
                diverged=np.repeat(broken[..., None], seeds, axis=2),
            )
        )
    return tuple(made_up)


def _lost(
    surface: Surface, x: Array, y: Array, width: float, curvature: float
) -> Array:
    if surface == "bowl":
        return (2 * x / width) ** 2 + curvature * (x + y) ** 2
    if surface == "product":
        return curvature * (x + y) ** 2
    if surface == "ratio":
        return curvature * (x - y) ** 2
    if surface == "additive":
        return curvature * (x**2 + y**2)
    return 0.0 * x * y
