"""What became of other people's runs: status, score, floor and losses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection

import numpy as np
import pandas as pd

from keras_lion.tuning.runs.names import Direction, plain_name
from keras_lion.tuning.runs.values import EMPTY
from keras_lion.tuning.runs.wording import UnclearSourceError

IMPORTED = "import"
NO_RESULT = "no result"
NOT_TRAINED = "not trained"  # the result is at the floor or worse
# What W&B, Optuna and KerasTuner say of a run that came to its end, in lower case.
FINISHED = ("finished", "complete", "completed", "success", "ok", "done", *EMPTY)
DIVERGED = "diverged"  # a state that says so is believed


class SuspectFloorWarning(UserWarning):
    """Most results of the source are worse than the floor that was given."""


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
        ValueError: If no unfinished run has one of `diverged_states`, runs diverged and
            there is no floor, no run has a result, or no result is better than the
            floor.
    """
    sign = 1.0 if direction == "max" else -1.0
    reasons = rows["reason"]
    _check_states(diverged_states, reasons)
    named = reasons.isin([DIVERGED, *(state.lower() for state in diverged_states)])
    diverged = named | ((reasons == "") & ~np.isfinite(results))
    worst = math.nan
    if floor is not None:
        if not math.isfinite(floor):
            raise UnclearSourceError(
                lambda words: (
                    f"{words.name('floor')} must be finite. Received: {floor}."
                )
            )
        worst = sign * floor
        _check_scale(results, metric, floor)
        no_better = (reasons == "") & (sign * results <= worst)
        if no_better.any() and (no_better | diverged | (reasons != "")).all():
            raise _none_better(results[no_better], metric, direction, floor)
        finite = (reasons == "") & np.isfinite(results)
        worse = finite & (sign * results < worst)
        _question_floor(worse, int(finite.sum()), metric, direction)
        diverged |= no_better
    elif diverged.any():
        raise _no_floor(int(diverged.sum()), len(rows), metric)
    failed = (reasons != "") & ~diverged
    if failed.all():
        raise _no_result(sorted(set(reasons)), metric)
    frame = rows.assign(
        preset=IMPORTED,
        status=np.select([failed, diverged], ["failed", "diverged"], "ok"),
        reason=reasons.where(named | failed).where(~diverged | named, NOT_TRAINED),
        metric=_metric_name(metric, direction, results),
        lower_is_better=int(direction == "min"),
        floor=worst,
        score=(sign * results).where(~diverged, worst).where(~failed),
    )
    if frame["metric"].iloc[0] == "loss":
        frame["final_loss"] = -frame["score"]
        frame["initial_loss"] = frame.get("initial_loss", -frame["floor"])
    return frame


def _check_scale(results: pd.Series[float], metric: str, floor: float) -> None:
    """Raise if the floor is a share and the results are percentages."""
    known = results[np.isfinite(results)]
    name = metric.lower()
    shares = "%" in name or "acc" in name or "percent" in name
    if not (shares and 0 < floor < 1 and known.between(0, 100).all()):
        return
    if known.max() <= 1 and "%" not in name:
        return
    raise UnclearSourceError(
        lambda words: (
            f"{words.name('floor')} must be in the unit of '{metric}', whose results "
            f"lie between {known.min():g} and {known.max():g}. Received: {floor:g}, "
            f"which looks like a share: give {100 * floor:g} for {100 * floor:g} %."
        )
    )


def _check_states(named: Collection[str], reasons: pd.Series[str]) -> None:
    """Raise where a state that is to mean divergence is that of no run."""
    known = reasons[reasons != ""].value_counts()
    unknown = [
        state for state in named if state.lower() not in {*known.index, DIVERGED}
    ]
    if unknown:
        states = ", ".join(f"{state} ({count})" for state, count in known.items())
        wrong = ", ".join(map(repr, unknown))
        raise UnclearSourceError(
            lambda words: (
                f"{words.name('diverged')} names {wrong}, which is the state of "
                "no unfinished run. The states of such runs are: "
                f"{states or 'none, as all have finished with a result'}."
            )
        )


def _question_floor(
    worse: pd.Series[bool], total: int, metric: str, direction: Direction
) -> None:
    """Warn where most results are worse than what diverged runs count with."""
    if 2 * int(worse.sum()) > total:
        better = "larger" if direction == "max" else "smaller"
        warnings.warn(
            f"{int(worse.sum())} of {total} results are worse than the floor, and "
            f"count as diverged: is a {better} '{metric}' better, and is the floor "
            "what a model gets that has learned nothing?",
            SuspectFloorWarning,
            stacklevel=5,
        )


def _no_floor(count: int, total: int, metric: str) -> UnclearSourceError:
    return UnclearSourceError(
        lambda words: (
            f"{count} of {total} runs diverged. Say what they count with as "
            f"{words.name('floor')}, in the unit of '{metric}': the accuracy of "
            "chance, or the loss at the start."
        )
    )


def _none_better(
    results: pd.Series[float], metric: str, direction: Direction, floor: float
) -> UnclearSourceError:
    better = "larger" if direction == "max" else "smaller"
    return UnclearSourceError(
        lambda words: (
            f"No run would count as trained: '{metric}' is {results.min():g} to "
            f"{results.max():g}, {better} is better, and the floor is {floor:g}. Check "
            f"{words.name('floor')}, {words.name('direction')}, and the column of the "
            f"score ({words.name('map')})."
        )
    )


def _no_result(reasons: list[str], metric: str) -> UnclearSourceError:
    return UnclearSourceError(
        lambda words: (
            f"No run has a result: the states are {', '.join(reasons)}, and the result "
            f"was looked for in '{metric}'. Name its column with {words.name('map')}, "
            f"or the states of diverged runs with {words.name('diverged')}."
        )
    )


def _metric_name(column: str, direction: Direction, results: pd.Series[float]) -> str:
    """`"loss"` and `"accuracy"` (a share) as the records say, others as they are."""
    name = plain_name(column)
    if direction == "min" and "loss" in name:
        return "loss"
    shares = results[np.isfinite(results)].between(0, 1).all()
    return "accuracy" if direction == "max" and "acc" in name and shares else column
