"""Configurations of one optimizer that compete with each other."""

from __future__ import annotations

import pandas as pd

BETAS = ("beta_1", "beta_2")


def name_contenders(frame: pd.DataFrame) -> pd.DataFrame:
    """Give each pair of betas a name of its own, where an optimizer has several.

    Landscapes are over learning rate and weight decay: runs with other betas do not
    belong into them. Where the runs of one optimizer on one task have several pairs,
    each pair becomes a contender: `lion` becomes `lion 0.9/0.99` and `lion 0.95/0.98`.

    Args:
        frame: Run records, one a row.

    Returns:
        The frame, with the names in `optimizer`; the same object where nothing varies.

    Example:

    ```python
    runs = pd.DataFrame({
        "task": "digits", "optimizer": "lion", "beta_1": 0.9, "beta_2": [0.99, 0.999],
    })
    list(name_contenders(runs)["optimizer"])  # ["lion 0.9/0.99", "lion 0.9/0.999"]
    ```
    """
    present = [name for name in BETAS if name in frame]
    if not present:
        return frame
    pairs = frame[present].astype(float).agg(_text, axis=1)
    groups = pairs.groupby([frame["task"], frame["optimizer"]])
    several = groups.transform("nunique") > 1
    if not several.any():
        return frame
    names = frame["optimizer"].where(~several, frame["optimizer"] + " " + pairs)
    return frame.assign(optimizer=names)


def _text(betas: pd.Series[float]) -> str:
    return "/".join(f"{beta:g}" for beta in betas.dropna())
