"""What the Lion paper shows of lr, λ and batch size: its figure 8, as numbers."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

from keras_lion.robustness.landscape import Landscape

FILE = "paper_figure_8.csv"


def paper_figure_8() -> pd.DataFrame:
    """Figure 8 of the Lion paper, one row per point; source and errors head the file.

    Returns:
        Columns `panel` (`"heatmap"` or `"batch_size"`), `optimizer` (`"adamw"` or
        `"lion"`), `learning_rate`, `weight_decay` (both NaN in the batch-size panel),
        `batch_size`, `top_1` (percent) and `error` (of reading the figure, ±).

    References:
        Chen et al. (2023). Symbolic discovery of optimization algorithms. NeurIPS.
    """
    with (files("keras_lion.robustness") / FILE).open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#")


def paper_landscape(optimizer: str) -> Landscape:
    """The heat map of one optimizer: 3 × 3 cells, one value each, in percent.

    Args:
        optimizer: `"adamw"` or `"lion"`.

    Returns:
        The landscape.

    Raises:
        ValueError: If the figure has no such optimizer.

    Example:

    ```python
    paper_landscape("lion").best.value  # 77.57
    ```
    """
    figure = paper_figure_8()
    cells = figure[(figure["panel"] == "heatmap") & (figure["optimizer"] == optimizer)]
    if cells.empty:
        raise ValueError(
            f"`optimizer` must be 'adamw' or 'lion'. Received: {optimizer!r}."
        )
    table = cells.pivot(index="weight_decay", columns="learning_rate", values="top_1")
    return Landscape(
        table.columns.to_numpy(float),
        table.index.to_numpy(float),
        table.to_numpy(float),
    )
