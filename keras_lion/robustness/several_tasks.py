"""Several tasks: one difference for all of them, and one recipe for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_lion.robustness.comparison import Comparison
from keras_lion.robustness.landscape import Landscape
from keras_lion.statistics import Interval, interquartile_mean, t_interval


@dataclass(frozen=True)
class SharedRecipe:
    """The learning rate and weight decay that serve several tasks best.

    Attributes:
        learning_rate: Learning rate of the recipe.
        weight_decay: Weight decay of the recipe.
        regret: Mean over the tasks of the regret of the recipe.
        regrets: Task → (best score − score at the recipe) / u.
        num_cells: Number of cells that every task has a score of.
    """

    learning_rate: float
    weight_decay: float
    regret: float
    regrets: Mapping[str, float]
    num_cells: int


def across_tasks(comparisons: Mapping[str, Comparison]) -> Interval:
    """Difference of two optimizers over several tasks.

    The number of a seed is the interquartile mean over the tasks of its differences
    there; the interval is their t interval. It speaks of other seeds on these tasks,
    not of other tasks. With fewer than four tasks the interquartile mean is the mean.

    Args:
        comparisons: Task → comparison, all of one measure and one pair of optimizers,
            with the same seeds.

    Returns:
        The interval, in the unit of the measure.

    Raises:
        ValueError: If there is no task, or the measures, optimizers or numbers of
            seeds differ.

    Example:

    ```python
    across_tasks({task: compare_tolerance(*pair, 0.05) for task, pair in pairs.items()})
    ```

    References:
        Agarwal et al. (2021). Deep reinforcement learning at the edge of the
        statistical precipice.
    """
    kinds = {
        (each.measure, each.unit, each.names, len(each.values))
        for each in comparisons.values()
    }
    if len(kinds) != 1:
        raise ValueError(
            "Tasks are put together in one measure, for one pair of optimizers and one "
            f"number of seeds. Received: {sorted(map(str, kinds)) or 'no task'}."
        )
    values = np.array([each.values for each in comparisons.values()])
    return t_interval([interquartile_mean(of_seed) for of_seed in values.T])


def shared_recipe(
    landscapes: Mapping[str, Landscape], units: Mapping[str, float] | None = None
) -> SharedRecipe:
    """Regret of the single best shared (learning rate, weight decay) of an optimizer.

    min over cells c of the mean over tasks t of (best of t − score of c in t) / u_t,
    over the cells that all tasks have. It is 0 if one recipe is best everywhere.

    Args:
        landscapes: Task → landscape of one optimizer.
        units: Task → u, the loss of score that counts as one, such as the task's ε.
            None: 1 for all, for tasks with one kind of score.

    Returns:
        The recipe and its regrets; of equally good cells the one of least weight
        decay, then of least learning rate.

    Raises:
        ValueError: If there is no task, a task has no score, no cell is shared, or a
            unit is missing or not positive.

    Example:

    ```python
    shared_recipe({"digits": first, "fashion_mnist": second}).regret
    ```

    References:
        Adkins et al. (2024). A method for evaluating hyperparameter sensitivity in
        reinforcement learning.
    """
    if not landscapes:
        raise ValueError("A shared recipe needs a task or more. Received none.")
    scale = dict.fromkeys(landscapes, 1.0) if units is None else units
    bad = [task for task in landscapes if not _positive(scale.get(task, 0.0))]
    if bad:
        raise ValueError(
            "`units` must give each task a positive loss of score. Received: "
            f"{dict(scale)}; wrong or missing: {', '.join(bad)}."
        )
    lost: list[dict[tuple[float, float], float]] = []
    for task, landscape in landscapes.items():
        regret = (landscape.best.value - landscape.means) / scale[task]
        lost.append(
            {
                (_rounded(decay), _rounded(rate)): float(regret[i, j])
                for i, decay in enumerate(landscape.weight_decay)
                for j, rate in enumerate(landscape.learning_rate)
                if math.isfinite(regret[i, j])
            }
        )
    cells = sorted(set.intersection(*(set(each) for each in lost)))
    if not cells:
        raise ValueError(
            "A shared recipe needs a cell that every task has a score of. Received "
            "tasks without one: "
            f"{', '.join(landscapes)}; search the same grid on all of them."
        )
    means = [float(np.mean([each[cell] for each in lost])) for cell in cells]
    chosen = int(np.argmin(np.round(means, 12)))
    decay, rate = cells[chosen]
    return SharedRecipe(
        learning_rate=rate,
        weight_decay=decay,
        regret=means[chosen],
        regrets={
            task: each[cells[chosen]]
            for task, each in zip(landscapes, lost, strict=True)
        },
        num_cells=len(cells),
    )


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _rounded(value: float) -> float:
    # 0.1 * 0.1 and 0.01 are one value of a grid, whoever computed them.
    return float(f"{value:.10g}")
