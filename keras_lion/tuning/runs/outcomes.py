"""What became of other people's runs: status, score, floor and losses."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd

from keras_lion.tuning.runs.sources import Direction, plain_name

IMPORTED = "import"
NO_RESULT = "no result"
# What W&B, Optuna and KerasTuner say of a run that came to its end, in lower case.
FINISHED = ("finished", "complete", "completed", "success", "ok", "")


def reasons_of(states: pd.Series[str], silent: pd.Series[bool]) -> pd.Series[str]:
    """Why a run has no result; empty where it has one.

    Args:
        states: What the source says of each run.
        silent: Runs whose cell of the result is empty.
    """
    reasons = states.str.lower().where(~states.str.lower().isin(FINISHED), "")
    return reasons.where((reasons != "") | ~silent, NO_RESULT)


def judged(
    rows: pd.DataFrame,
    results: pd.Series[float],
    direction: Direction,
    metric: str,
    floor: float | None,
    diverged_states: Collection[str],
) -> pd.DataFrame:
    """The rows with status, score, floor and losses.

    Args:
        rows: Runs, with the `reasons_of` their missing results.
        results: In the unit of the source.
        direction: Whether larger results are better.
        metric: Name of the result in the source.
        floor: Result that a diverged run counts with.
        diverged_states: States that mean divergence.

    Raises:
        ValueError: If runs diverged and there is no floor.
    """
    sign = 1.0 if direction == "max" else -1.0
    reasons = rows["reason"]
    named = reasons.isin([state.lower() for state in diverged_states])
    diverged = named | ((reasons == "") & ~np.isfinite(results))
    worst = math.nan
    if floor is not None:
        if not math.isfinite(floor):
            raise ValueError(f"`floor` must be finite. Received: floor={floor!r}.")
        worst = sign * floor
        diverged |= (reasons == "") & (sign * results <= worst)
    elif diverged.any():
        raise ValueError(
            f"{int(diverged.sum())} of {len(rows)} runs diverged. Say what they count "
            f"with as `floor`, in the unit of '{metric}': the accuracy of chance, or "
            "the loss at the start."
        )
    failed = (reasons != "") & ~diverged
    frame = rows.assign(
        preset=IMPORTED,
        status=np.select([failed, diverged], ["failed", "diverged"], "ok"),
        reason=reasons.where(named | failed).where(~diverged | named, "not trained"),
        metric=_metric_name(metric, direction, results),
        floor=worst,
        score=(sign * results).where(~diverged, worst).where(~failed),
    )
    if frame["metric"].iloc[0] == "loss":
        frame["final_loss"] = -frame["score"]
        frame["initial_loss"] = frame.get("initial_loss", -frame["floor"])
    return frame


def _metric_name(column: str, direction: Direction, results: pd.Series[float]) -> str:
    """`"loss"` and `"accuracy"` (a share) as the records say, others as they are."""
    name = plain_name(column)
    if direction == "min" and "loss" in name:
        return "loss"
    shares = results[np.isfinite(results)].between(0, 1).all()
    return "accuracy" if direction == "max" and "acc" in name and shares else column
