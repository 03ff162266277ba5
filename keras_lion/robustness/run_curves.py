"""What was seen while the runs of one cell trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness._checks import Array


@dataclass(frozen=True)
class RunCurves:
    """One curve for each seed of a cell.

    Attributes:
        epoch: When it was looked at, ascending, shape (e,).
        seed: The seeds, ascending, shape (s,).
        values: Shape (s, e); NaN where a run has no value, or none that is finite.
        diverged: Which runs diverged, shape (s,).
    """

    epoch: Array
    seed: NDArray[np.int64]
    values: Array
    diverged: NDArray[np.bool_]

    @property
    def mean(self) -> Array:
        """Mean over seeds, shape (e,); NaN where a seed has no value.

        The mean of those that are left would get better as the bad ones drop out.
        """
        return np.asarray(self.values.mean(axis=0))

    def last_point(self, index: int) -> tuple[float, float]:
        """Epoch and value of the last finite point of a curve; NaN if it has none."""
        known = np.flatnonzero(np.isfinite(self.values[index]))
        if not len(known):
            return float("nan"), float("nan")
        return float(self.epoch[known[-1]]), float(self.values[index, known[-1]])


def curves_of_cell(
    frame: pd.DataFrame,
    *,
    optimizer: str,
    learning_rate: float,
    weight_decay: float,
    quantity: str = "loss",
    task: str | None = None,
    batch_size: int | None = None,
) -> RunCurves:
    """The curves of one configuration, from the histories of its runs.

    Failed runs are left out, and so are runs without a history.

    Args:
        frame: Run records, one a row, with `history`.
        optimizer: Optimizer of the cell.
        learning_rate: Learning rate of the cell.
        weight_decay: Weight decay of the cell.
        quantity: What to read: `"loss"` and `"accuracy"` (validation), `"train_loss"`,
            or another name in the histories.
        task: Task whose runs are taken; needed if there are several.
        batch_size: Batch size whose runs are taken; needed if there are several.

    Returns:
        The curves.

    Raises:
        ValueError: If there is no such run with a history, none has the quantity, or
            two runs have one seed.

    Example:

    ```python
    frame = load_runs("results/lr_wd")
    cell = {"optimizer": "lion", "learning_rate": 1e-3, "weight_decay": 0.3}
    curves_of_cell(frame, **cell, quantity="accuracy").mean[-1]
    ```
    """
    chosen = (frame["optimizer"] == optimizer) & (frame["status"] != "failed")
    for axis, wanted in (
        ("learning_rate", learning_rate),
        ("weight_decay", weight_decay),
    ):
        chosen &= np.isclose(frame[axis].to_numpy(float), wanted, rtol=1e-9, atol=0)
    for name, choice in (("task", task), ("batch_size", batch_size)):
        if choice is not None:
            chosen &= frame[name] == choice
    if "history" in frame:
        chosen &= frame["history"].map(lambda found: isinstance(found, dict))
    cell = (
        f"{optimizer} with learning_rate={learning_rate:.3g}, "
        f"weight_decay={weight_decay:.3g}"
    )
    if "history" not in frame or not chosen.any():
        raise ValueError(
            "Curves need runs with a `history`, as `load_runs` gives them. "
            f"Received none of {cell}."
        )
    runs = frame[chosen].sort_values("seed")
    if runs["seed"].duplicated().any():
        raise ValueError(
            f"A cell holds one run of each seed. Received several of {cell}: choose "
            "with `task=…` or `batch_size=…`, or drop the repeats."
        )
    histories = runs["history"].tolist()
    known = sorted({name for found in histories for name in found} - {"epoch"})
    if not any(quantity in found for found in histories):
        raise ValueError(
            f"`quantity` must be one of {', '.join(known) or 'none'}, which the "
            f"histories hold. Received: quantity={quantity!r}."
        )
    epoch = np.unique([at for found in histories for at in found["epoch"]]).astype(
        float
    )
    return RunCurves(
        epoch=epoch,
        seed=runs["seed"].to_numpy(),
        values=np.stack([_values(found, quantity, epoch) for found in histories]),
        diverged=(runs["status"] == "diverged").to_numpy(),
    )


def _values(history: dict[str, list[Any]], quantity: str, epoch: Array) -> Array:
    """Values of one run at all epochs."""
    found = np.full(len(epoch), np.nan)
    values = np.array(history.get(quantity, []), dtype=float)  # None becomes NaN
    at = np.searchsorted(epoch, np.array(history["epoch"][: len(values)], dtype=float))
    found[at] = np.where(np.isfinite(values), values, np.nan)
    return found
