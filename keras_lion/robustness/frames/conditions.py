"""Conditions of runs: what differs between landscapes, and the parts that follow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from keras_lion.tuning.runs.kinds import text_of
from keras_lion.tuning.study.columns import COLUMNS

# A value of a hyperparameter; None stands for runs that do not have it.
Settings = Mapping[str, Any]

# Columns of every record in which the runs of one optimizer may differ.
SHARED = ("batch_size", "epochs", "schedule", "train_examples")
# Runs that differ in one of these do not belong into one landscape.
FIXED = ("study", "task", *SHARED, "beta_1", "beta_2")


@dataclass(frozen=True)
class Part:
    """The runs under one condition.

    Attributes:
        values: Column → value, of the columns that tell the conditions apart, in the
            order of the split; None where the runs have no value.
        runs: Their records: one landscape for each optimizer.
    """

    values: Settings
    runs: pd.DataFrame

    @property
    def label(self) -> str:
        """The condition in words; empty where there is only one."""
        return label_of(self.values)


def own_columns(frame: pd.DataFrame) -> list[str]:
    """Columns that not every study has: hyperparameters of models and optimizers."""
    return [str(name) for name in frame.columns if name not in COLUMNS]


def splitting_columns(runs: pd.DataFrame) -> list[str]:
    """`own_columns` that make conditions: all but those that follow the learning rate.

    Initial weights proportional to the learning rate are a part of what a learning rate
    means in such a study: its runs form one landscape.
    """
    return [n for n in own_columns(runs) if not follows_learning_rate(runs, n)]


def parts_of(runs: pd.DataFrame, columns: Iterable[str] | None = None) -> list[Part]:
    """Split the runs of a task so that each optimizer has one condition in each part.

    A column splits where the runs of one optimizer have several values of it. In a
    column of the study's own, missing counts as a value: runs without `momentum` are a
    part. An optimizer that has no value of the column at all belongs to every part as a
    whole. Columns with few gaps split first, so that a hyperparameter comes before
    those that are only used under one of its values. No run is left out.

    Args:
        runs: Run records of one task.
        columns: Columns that may split. None: `SHARED`, then `splitting_columns`.

    Returns:
        The parts: numbers in ascending order, then text, then what is missing.
    """
    names = [*SHARED, *splitting_columns(runs)] if columns is None else list(columns)
    return _split(runs, [name for name in names if name in runs], {})


def conditions_of(frame: pd.DataFrame, task: str) -> Mapping[str, pd.DataFrame]:
    """The runs of a task under each condition: one landscape for each optimizer.

    A condition is a batch size, a budget, a schedule, a size of the data, or a
    hyperparameter of the model or of an optimizer, where one optimizer has runs with
    several of them, or with and without; see `parts_of`.
    """
    parts = parts_of(frame[frame["task"] == task])
    return {part.label: part.runs for part in parts}


def _split(runs: pd.DataFrame, names: list[str], values: Settings) -> list[Part]:
    varying = [name for name in names if varies(runs, name)]
    if not varying:
        return [Part(values, runs)]
    name = min(varying, key=lambda each: each not in SHARED and 1 + _gaps(runs, each))
    texts, whole = texts_of(runs, name), _without(runs, name)
    found = dict(zip(texts[~whole], runs.loc[~whole, name], strict=True))
    return [
        part
        for text in sorted(found, key=lambda each: _rank(each, found[each]))
        for part in _split(
            runs[(texts == text) | whole],
            names,
            {**values, name: found[text] if text else None},
        )
    ]


def varies(runs: pd.DataFrame, name: str) -> bool:
    """Whether one optimizer has several values of a column.

    A column of the study's own that is empty in some of its runs does. The others are
    empty where they are not known, as in runs that failed.
    """
    texts = texts_of(runs, name)
    known = texts[texts != ""] if name in COLUMNS else texts
    return bool((known.groupby(runs["optimizer"]).nunique() > 1).any())


def follows_learning_rate(runs: pd.DataFrame, name: str) -> bool:
    """Whether a number rises, or falls, with the learning rate of a grid.

    So it is with initial weights proportional to the learning rate. Three learning
    rates are needed, each with one value and two weight decays or more: in a random
    search every value goes with one learning rate. Text and booleans never follow.
    """
    if not {"learning_rate", "weight_decay"} <= set(runs.columns):
        return False
    values = runs[name]
    if any(isinstance(value, bool | np.bool_ | str) for value in values):
        return False
    table = pd.DataFrame(
        {
            "optimizer": runs["optimizer"].to_numpy(),
            "rate": runs["learning_rate"].to_numpy(),
            "decay": runs["weight_decay"].to_numpy(),
            "value": pd.to_numeric(values, errors="coerce").to_numpy(float),
        }
    )
    return all(
        _rises_or_falls(part) for _, part in table.groupby("optimizer")
    ) and bool(len(table))


def _rises_or_falls(table: pd.DataFrame) -> bool:
    rates = table.groupby("rate")
    values = rates["value"].mean()
    steps = np.diff(values)
    return bool(
        len(values) > 2
        and table["value"].notna().all()
        and (rates["value"].nunique() == 1).all()
        and (rates["decay"].nunique() > 1).all()
        and ((steps > 0).all() or (steps < 0).all())
    )


def _gaps(runs: pd.DataFrame, name: str) -> int:
    """How many runs have no value, of the optimizers that have one."""
    return int((texts_of(runs, name) == "")[~_without(runs, name)].sum())


def _without(runs: pd.DataFrame, name: str) -> pd.Series[bool]:
    """Which runs are of an optimizer that has no value of a column in any run."""
    empty = texts_of(runs, name) == ""
    return empty.groupby(runs["optimizer"]).transform("all").astype(bool)


def texts_of(runs: pd.DataFrame, name: str) -> pd.Series[str]:
    """A column as text: empty where missing, and different for different values."""
    return pd.Series(map(setting_text, runs[name]), runs.index, dtype=object)


def _rank(text: str, value: Any) -> tuple[int, Any]:
    if not text:
        return 2, text
    return (0, value) if isinstance(value, Real | np.bool_) else (1, text)


def setting_text(value: Any) -> str:
    """A value of a hyperparameter as text: `0.5`, `True`, `relu`; empty if missing.

    Different values have different texts: one that reads as a number or a boolean is in
    quotes.
    """
    if value is None or value is pd.NA:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, Real):
        if np.isnan(float(value)):
            return ""
        short = f"{float(value):g}"
        exact = int(value) if isinstance(value, Integral) else float(value)
        return short if float(short) == exact else repr(exact)
    if isinstance(value, str) and (not value or ", " in value):
        return json.dumps(value, ensure_ascii=False)
    return str(text_of(value))


def label_of(values: Settings) -> str:
    """Settings in words: `activation relu, norm True`, `without momentum`."""
    texts = {name: setting_text(value) for name, value in values.items()}
    return ", ".join(
        f"{name} {text}" if text else f"without {name}" for name, text in texts.items()
    )


def plain(values: Settings) -> dict[str, Any]:
    """Settings as values of Python, for JSON and for messages."""
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in values.items()
    }


def runs_where(frame: pd.DataFrame, where: Settings | None) -> pd.DataFrame:
    """The runs that have these settings; None chooses those without a value.

    Raises:
        ValueError: If no run is left.
    """
    runs = frame
    for name, value in (where or {}).items():
        texts = texts_of(runs, name) if name in runs else pd.Series(dtype=object)
        if not (texts == setting_text(value)).any():
            raise ValueError(
                f"No run has {name}={value!r}. The records have {name}: "
                f"{_listed(texts) or 'none'}."
            )
        runs = runs[texts == setting_text(value)]
    return runs


def check_alike(runs: pd.DataFrame) -> None:
    """Raise a ValueError unless the runs of an optimizer share one condition."""
    for name in FIXED:
        if name in runs and varies(runs, name):
            argument = name in ("task", "batch_size")
            known = next(value for value in runs[name] if setting_text(value))
            choice = plain({name: known})
            remedy = f"`{name}=…`" if argument else f"`where={choice}`, for example"
            raise ValueError(
                f"Runs of several values of '{name}' cannot share a landscape. "
                f"Received {name}: {_listed(texts_of(runs, name))}. "
                f"Choose one with {remedy}."
            )
    own = splitting_columns(runs)
    names = [name for name in own if varies(runs, name)]
    if names:
        received = "; ".join(
            f"{name}: {_listed(texts_of(runs, name), 'missing')}" for name in names
        )
        first = parts_of(runs, own)[0].values
        raise ValueError(
            f"Runs of several values of {', '.join(map(repr, names))} cannot share a "
            f"landscape. Received {received}. Choose one with `where={plain(first)}`, "
            "for example."
        )


def _listed(texts: pd.Series[str], missing: str = "") -> str:
    """The texts that occur; what is missing has its own, at the end."""
    known = list(dict.fromkeys(text for text in texts if text))
    return ", ".join([*known, *([missing] if missing and (texts == "").any() else [])])
