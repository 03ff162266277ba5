"""Which runs belong together: cells, contenders, curves over epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness.frames.conditions import Settings, check_alike, runs_where
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.tuning.study.comparison import betas_text

Array = NDArray[np.float64]
Value = Literal["score", "final_loss"]

NEEDED = ("optimizer", "learning_rate", "weight_decay", "seed", "status")
FINISHED = ("ok", "diverged")  # status of runs that have a score
MISSING = "missing"  # of declared runs without a record, which tables of runs lack


def arrange(
    frame: pd.DataFrame,
    optimizer: str,
    task: str | None,
    batch_size: int | None,
    value: Value,
    where: Settings | None = None,
) -> dict[str, Any]:
    """Arguments of `Landscape` for the runs of one optimizer on one task."""
    if value not in get_args(Value):
        raise ValueError(
            f"`value` must be one of {', '.join(get_args(Value))}. "
            f"Received: value={value!r}."
        )
    needed = [*NEEDED, *(["score"] if value == "score" else [])]
    needed += ["final_loss", "initial_loss"] if value == "final_loss" else []
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise ValueError(
            f"Run records need the columns {', '.join(needed)}. "
            f"Missing: {', '.join(missing)}."
        )
    runs = _chosen(frame, optimizer, task, batch_size)
    runs = runs_where(runs, where)
    check_alike(runs)
    rates = _rounded(runs["learning_rate"])
    decays = _rounded(runs["weight_decay"])
    _, first_rate, column = np.unique(rates, return_index=True, return_inverse=True)
    _, first_decay, row = np.unique(decays, return_index=True, return_inverse=True)
    # As recorded, to the last digit: a grid that grows has the same values.
    learning_rate = runs["learning_rate"].to_numpy(float)[first_rate]
    weight_decay = runs["weight_decay"].to_numpy(float)[first_decay]
    seeds, seed = np.unique(runs["seed"].to_numpy(), return_inverse=True)
    scores, floors = _values(runs, value)

    counts = runs["status"].isin(FINISHED).to_numpy()
    cells = np.stack([row, column, seed], axis=1)[counts]
    _check_unique(cells, runs.loc[counts], optimizer)
    shape = (len(weight_decay), len(learning_rate), len(seeds))
    at = tuple(cells.T)
    arrays = {name: np.full(shape, np.nan) for name in ("scores", "floor")}
    arrays["scores"][at] = scores[counts]
    arrays["floor"][at] = floors[counts]
    diverged = np.zeros(shape, bool)
    diverged[at] = (runs["status"] == "diverged").to_numpy()[counts]
    return {
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "diverged": diverged,
        "seeds": seeds,
        "quantity": quantity_of_runs(runs, value).around(arrays["scores"]),
        **arrays,
    }


def _chosen(
    frame: pd.DataFrame, optimizer: str, task: str | None, batch_size: int | None
) -> pd.DataFrame:
    runs = frame
    for name, choice in (
        ("optimizer", optimizer),
        ("task", task),
        ("batch_size", batch_size),
    ):
        if choice is None:
            continue
        known = runs[name].unique().tolist() if name in runs else []
        runs = runs[runs[name] == choice] if name in runs else runs.iloc[:0]
        if runs.empty:
            raise ValueError(
                f"No run has {name}={choice!r}. The records have {name}: "
                f"{', '.join(map(str, known)) or 'none'}."
            )
    return runs


def _rounded(values: pd.Series[Any]) -> np.ndarray:
    # 0.1 * 0.1 and 0.01 are one value of a grid, whoever computed them.
    return np.array([float(f"{value:.10g}") for value in values.to_numpy(float)])


def _values(runs: pd.DataFrame, value: Value) -> tuple[np.ndarray, np.ndarray]:
    diverged = (runs["status"] == "diverged").to_numpy()
    if value == "score":
        scores = runs["score"].to_numpy(float)
        floors = np.full(len(runs), np.nan)
        if "floor" in runs:
            floors = runs["floor"].to_numpy(float)
        return scores, np.where(np.isnan(floors), scores, floors)
    floors = -runs["initial_loss"].to_numpy(float)
    scores = -runs["final_loss"].to_numpy(float)
    # fmax also gives the floor to a loss that is not finite.
    return np.where(diverged, floors, np.fmax(scores, floors)), floors


def _check_unique(cells: np.ndarray, runs: pd.DataFrame, optimizer: str) -> None:
    _, first, counts = np.unique(cells, axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        run = runs.iloc[int(first[counts > 1][0])]
        raise ValueError(
            f"A cell holds one run of each seed. Received {counts.max()} runs of "
            f"{optimizer} with learning_rate={run['learning_rate']}, "
            f"weight_decay={run['weight_decay']}, seed={run['seed']}: drop the "
            "repeats, or choose by the column in which they differ."
        )


BETAS = ("beta_1", "beta_2")


def _named_pair(betas: pd.Series[float]) -> str:
    return betas_text(betas.dropna())


def name_contenders(frame: pd.DataFrame) -> pd.DataFrame:
    """Give each pair of betas a name of its own, where an optimizer has several.

    Landscapes are over learning rate and weight decay: runs with other betas do not
    belong into them. Where the runs of one optimizer on one task have several pairs,
    each pair becomes a contender: `lion` becomes `lion 0.9/0.99` and `lion 0.95/0.98`.
    """
    present = [name for name in BETAS if name in frame]
    if not present:
        return frame
    pairs = frame[present].astype(float).agg(_named_pair, axis=1)
    groups = pairs.groupby([frame["task"], frame["optimizer"]])
    several = groups.transform("nunique") > 1
    if not several.any():
        return frame
    names = frame["optimizer"].where(~several, frame["optimizer"] + " " + pairs)
    return frame.assign(optimizer=names)


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


def runs_of_cell(
    frame: pd.DataFrame, optimizer: str, learning_rate: float, weight_decay: float
) -> pd.DataFrame:
    """The runs of one cell that did not fail, whoever computed its values."""
    chosen = (frame["optimizer"] == optimizer) & frame["status"].isin(FINISHED)
    for axis, wanted in (
        ("learning_rate", learning_rate),
        ("weight_decay", weight_decay),
    ):
        chosen &= np.isclose(frame[axis].to_numpy(float), wanted, rtol=1e-9, atol=0)
    return frame[chosen]


def curves_of_cell(
    frame: pd.DataFrame,
    *,
    optimizer: str,
    learning_rate: float,
    weight_decay: float,
    quantity: str = "loss",
    task: str | None = None,
    batch_size: int | None = None,
    where: Settings | None = None,
) -> RunCurves:
    """The curves of one configuration, from the histories of its runs.

    Failed runs are left out, and so are runs without a history. `where` chooses by
    columns of the study's own, as in `Landscape.from_runs`.
    """
    frame = runs_of_cell(frame, optimizer, learning_rate, weight_decay)
    frame = runs_where(frame, where)
    chosen = pd.Series(True, index=frame.index)
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
            "with `task=…`, `batch_size=…` or `where=…`, or drop the repeats."
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
        values=np.stack(
            [_values_of_run(found, quantity, epoch) for found in histories]
        ),
        diverged=(runs["status"] == "diverged").to_numpy(),
    )


def _values_of_run(history: dict[str, list[Any]], quantity: str, epoch: Array) -> Array:
    """Values of one run at all epochs."""
    found = np.full(len(epoch), np.nan)
    values = np.array(history.get(quantity, []), dtype=float)  # None becomes NaN
    at = np.searchsorted(epoch, np.array(history["epoch"][: len(values)], dtype=float))
    found[at] = np.where(np.isfinite(values), values, np.nan)
    return found
