"""Cells as values: numbers, truth values and texts; what is one value in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from keras_lion.tuning.runs.wording import UnclearSourceError

EMPTY = ("", "none", "null", "n/a", "<na>")
NAN = ("nan", "+nan", "-nan")
TRUTH = {"true": True, "false": False}
_EXACT = 2.0**53  # below it a float is a whole number exactly
_FEW, _MANY = 6, 12  # digits of a decimal that somebody wrote, and of a rounded one


def numbers(texts: pd.Series[str], column: str) -> pd.Series[float]:
    """The cells of a column as numbers; NaN where empty.

    Raises:
        UnclearSourceError: If a cell is something else.
    """
    values = _parsed(texts)
    wrong = values.isna() & ~texts.str.lower().isin([*EMPTY, *NAN])
    if wrong.any():
        received = str(texts[wrong].iloc[0])
        raise UnclearSourceError(
            lambda _: (
                f"The cells of column '{column}' must be numbers. Received: "
                f"{received!r}."
            )
        )
    return values


def seconds(texts: pd.Series[str]) -> pd.Series[float]:
    """Durations in seconds, also those of Optuna (0 days 00:00:01.2); NaN otherwise."""
    values = _parsed(texts)
    spans = pd.to_timedelta(texts.where(values.isna(), ""), errors="coerce")
    return values.fillna(spans.dt.total_seconds())


def typed(texts: pd.Series[str]) -> pd.Series[Any]:
    """The cells of a hyperparameter in their type; None or NaN where empty.

    Numbers if all are, truth values if all are, texts otherwise.
    """
    lower = texts.str.lower()
    empty = lower.isin([*EMPTY, *NAN])
    if empty.all():
        return pd.Series(np.nan, texts.index)
    if lower[~empty].isin(TRUTH).all():
        return lower.map(TRUTH).astype(object).where(~empty, None)
    values = _parsed(texts)
    if (np.abs(values) < _EXACT).all() and (values == np.floor(values)).all():
        return values.astype(int)
    if values[~empty].notna().all():
        return merged(values)
    return texts.astype(object).where(~empty, None)


def merged(values: pd.Series[float]) -> pd.Series[float]:
    """Values that float32 cannot tell apart as one, the shortest decimal among them.

    Whole numbers are left as they are: counts are exact. A value that is a float32 and
    has a short decimal there becomes that: 9.999999747378752e-05 becomes 0.0001.
    """
    known = np.unique(values[np.isfinite(values)])
    if (known == np.floor(known)).all():
        return values
    replaced: dict[float, float] = {}
    # A value that is far from the one before it begins a new group.
    far = ~same_in_float32(known[:-1], known[1:])
    for group in np.split(known, np.flatnonzero(far) + 1):
        likely = [*group.tolist(), *map(_short, group.tolist())]
        short = min(likely, key=lambda value: len(repr(value)))
        replaced |= dict.fromkeys(group.tolist(), short)
    return values.map(lambda value: replaced.get(value, value)).astype(float)


def same_in_float32(one: ArrayLike, other: ArrayLike) -> NDArray[np.bool_]:
    """Whether numbers are equal or neighbors in float32; NaN is equal to nothing."""
    first, second = np.asarray(one, float), np.asarray(other, float)
    larger = np.maximum(np.abs(first), np.abs(second))
    with np.errstate(all="ignore"):
        return np.asarray(
            np.abs(first - second) <= np.spacing(larger.astype(np.float32))
        )


def _short(value: float) -> float:
    """The decimal that was rounded to float32, if the value looks like one that was."""
    short = float(str(np.float32(value)))
    was_rounded = float(np.float32(value)) == value
    digits = len(_digits(short)) <= _FEW and len(_digits(value)) >= _MANY
    return short if was_rounded and digits else value


def _digits(value: float) -> str:
    return f"{value!r}".partition("e")[0].replace(".", "").lstrip("-0")


def _parsed(texts: pd.Series[str]) -> pd.Series[float]:
    return pd.to_numeric(texts, errors="coerce").astype(float)
