"""How the small measurements keep their numbers: one JSON file, one entry a claim.

An entry is `{"value", "low", "high", "n", "unit"}`: the estimate, its 95 % interval and
the number of independent values behind it. What is exact, such as a count of bytes, is
its own interval, with n = 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_lion.statistics import Interval, t_interval
from keras_lion.tuning.runs.files import write_json

RESULTS = Path(__file__).resolve().parent / "results"
DIGITS = 4

Entry = dict[str, Any]


def rounded(value: float, digits: int = DIGITS) -> float:
    """The number to so many significant digits."""
    return float(f"{value:.{digits}g}")


def entry(interval: Interval, unit: str) -> Entry:
    """An estimate with its interval."""
    return {
        "value": rounded(interval.estimate),
        "low": rounded(interval.low),
        "high": rounded(interval.high),
        "n": interval.n,
        "unit": unit,
    }


def exact(value: float, unit: str, digits: int = DIGITS) -> Entry:
    """A number without uncertainty."""
    number = rounded(value, digits)
    return {"value": number, "low": number, "high": number, "n": 1, "unit": unit}


def paired_ratio(first: ArrayLike, second: ArrayLike) -> Interval:
    """Geometric mean of first / second over the seeds.

    The interval is a t interval of the logarithms: ratios are as often halved as
    doubled, and the inverse ratio has the inverse interval.

    Args:
        first: Positive numbers, shape (n,), one for each seed.
        second: Likewise, of the same seeds.
    """
    logarithms = np.log(np.asarray(first, float)) - np.log(np.asarray(second, float))
    found = t_interval(logarithms)
    ratio, low, high = np.exp([found.estimate, found.low, found.high]).tolist()
    return Interval(ratio, low, high, found.n)


def keep(path: Path, claims: Mapping[str, Entry], **settings: Any) -> None:
    """Write the claims, and how they were measured, with sorted keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"claims": claims, **settings}, sort_keys=True)
    write_json(path, json.loads(text))


def keep_beside(
    path: Path, backend: str, claims: Mapping[str, Entry], **machine: Any
) -> None:
    """Write claims measured on one backend next to those that a file has of others.

    Args:
        path: The file; a new one if there is none.
        backend: Where they were measured.
        claims: Under names of their own, which replace equal ones.
        **machine: What else is kept of the machine.
    """
    from keras_lion.tuning.sweep.environment import environment

    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    environments = {**kept.get("environments", {}), backend: environment() | machine}
    keep(path, {**kept.get("claims", {}), **claims}, environments=environments)


def show(claims: Mapping[str, Entry]) -> None:
    """Print the claims as a table."""
    width = max(map(len, claims))
    for name, found in claims.items():
        interval = f"[{found['low']:.10g}, {found['high']:.10g}]"
        print(
            f"{name:{width}}  {found['value']:>10.10g}  {interval:24} "
            f"n={found['n']:<3} {found['unit']}"
        )
