"""Mean, least and largest value over seeds: the band of a curve."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def seed_ranges(frame: pd.DataFrame, column: str, by: Sequence[str]) -> pd.DataFrame:
    """Mean, least and largest value of a column over seeds.

    Args:
        frame: One row a seed and a value of `by`; with a column `seed`.
        column: The column to summarize.
        by: Columns whose values tell the points of a curve apart.

    Returns:
        One row for each value of `by`, ascending: the columns of `by`, then `mean`,
        `low`, `high` and `num_seeds`. Values that are missing are left out.

    Raises:
        ValueError: If a column is missing, or a seed has two values at one point.

    Example:

    ```python
    frame = pd.DataFrame({"step": [1, 1], "seed": [0, 1], "rms": [0.2, 0.4]})
    seed_ranges(frame, "rms", by=["step"])["high"].tolist()  # [0.4]
    ```
    """
    needed = [*by, "seed", column]
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise ValueError(
            f"A band over seeds needs the columns {', '.join(needed)}. "
            f"Missing: {', '.join(missing)}."
        )
    if frame.duplicated([*by, "seed"]).any():
        raise ValueError(
            "A seed has one value at each point. Received several rows with the same "
            f"{', '.join([*by, 'seed'])}: choose by the column in which they differ."
        )
    known = frame.dropna(subset=[column])
    groups = known.groupby(list(by), sort=True)[column]
    return groups.agg(
        mean="mean", low="min", high="max", num_seeds="count"
    ).reset_index()
