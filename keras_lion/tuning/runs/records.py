"""Reading run records: one JSON object per line, each run once."""

from __future__ import annotations

import contextlib
import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from keras_lion.tuning.runs.files import Record
from keras_lion.tuning.runs.kinds import column_of
from keras_lion.tuning.study.columns import COLUMNS, TEXT_COLUMNS

# Scores of one run differ by less, as a share of them, where only the number of threads
# does: sums are rounded in another order.
ROUNDING = 1e-4
STATUSES = ("ok", "diverged", "failed")
_MADE_ANEW = (
    "Delete it and give the command that made the folder again (`keras-lion run` or "
    "`import`): it writes the file anew, and finished runs are used again."
)


class TornRecordWarning(UserWarning):
    """A line of a record file could not be read; its run counts as not done."""


class ConflictingRecordWarning(UserWarning):
    """Two records of one key disagree on the score."""


class RecordTail:
    """Reads what is appended to a folder's records, every line once.

    Args:
        folder: The study's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._offsets: dict[Path, int] = {}

    def read(self) -> list[Record]:
        """The records since the last call, in all files; at first all of them.

        A line without its end may still be growing and is left for the next call. A
        whole line that is no record is left out; `read_records` reports it.
        """
        records = []
        for path in sorted(self.folder.glob("runs-*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._offsets[path] = self._offsets.get(path, 0) + len(whole)
            for line in whole.splitlines():
                # Empty lines and those that were cut in half are no records.
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    records.append(_record(line))
        return records


class FinishedRuns:
    """Scores of the finished runs of a folder, which grow as processes record them.

    Args:
        folder: The study's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._tail = RecordTail(folder)
        self._scores: dict[str, float] = {}

    def scores(self) -> Mapping[str, float]:
        """Key → score of every run that is finished by now."""
        for record in self._tail.read():
            if record["status"] != "failed":
                self._scores[record["key"]] = record["score"]
        return self._scores


def read_records(folder: Path) -> list[Record]:
    """Every key of a study's folder once, with its last record.

    Records of one key whose scores differ by more than `ROUNDING` are reported, all in
    one warning.

    Of several records with one key, a finished one wins over a failed one, and one with
    a test score over one without. Lines that cannot be read are reported and left out.
    """
    records: dict[str, Record] = {}
    unlike: dict[str, tuple[float, float]] = {}
    for record in _lines(folder):
        known = records.get(record["key"])
        if known is None or _rank(record) >= _rank(known):
            records[record["key"]] = record
        if known is not None and _disagree(known, record):
            unlike[record["key"]] = (known["score"], record["score"])
    if unlike:
        key, (first, second) = next(iter(unlike.items()))
        others = f", and {len(unlike) - 1} more are" if len(unlike) > 1 else ""
        warnings.warn(
            f"Run {key} is recorded with two scores, {first} and {second}{others}: the "
            "environment or the number of threads has changed between them, or "
            "training is not deterministic here.",
            ConflictingRecordWarning,
            stacklevel=2,
        )
    return list(records.values())


def _rank(record: Record) -> tuple[bool, bool]:
    return record["status"] != "failed", record.get("test_score") is not None


def _disagree(one: Record, other: Record) -> bool:
    if "failed" in (one["status"], other["status"]):
        return False
    if one.get("executor") != other.get("executor"):
        return False  # executors round differently
    scores = one["score"], other["score"]
    if None in scores:
        return scores[0] is not scores[1]
    return not math.isclose(*scores, rel_tol=ROUNDING)


def _lines(folder: Path) -> Iterator[Record]:
    for path in sorted(folder.glob("runs-*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if not line.strip():
                continue
            try:
                record = _record(line)
            except (ValueError, KeyError, TypeError):
                warnings.warn(
                    f"{path.name}, line {number}, cannot be read (cut in half?). It is "
                    "ignored, and its run counts as not done.",
                    TornRecordWarning,
                    stacklevel=3,
                )
                continue
            yield record


def _record(line: bytes) -> Record:
    record: Record = json.loads(line)
    if not isinstance(record["key"], str) or record["status"] not in STATUSES:
        raise ValueError
    if "task" not in record:
        raise KeyError
    return record


def load_runs(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """The runs of a study as a frame: one row per key.

    Args:
        folder: A study's folder, with its `runs-<process>.jsonl`.

    Returns:
        A frame with at least the columns of `study.columns.COLUMNS`, and one for every
        other hyperparameter, which is missing where a run does not use it; sorted by
        task, optimizer, weight decay, learning rate and seed.

    Raises:
        FileNotFoundError: If the folder holds no records that can be read.

    Example:

    ```python
    from keras_lion.tuning import load_runs

    runs = load_runs("results/learning_rate_weight_decay-standard")
    ```
    """
    path = Path(folder)
    if not any(path.glob("runs-*.jsonl")):
        raise FileNotFoundError(
            f"{path} holds no run records (runs-*.jsonl). Give the folder that "
            "`keras-lion run` printed."
        )
    records = read_records(path)
    if not records:
        raise FileNotFoundError(
            f"No run is recorded in {path} yet: its runs-*.jsonl hold no record that "
            "can be read. Give `keras-lion run` this folder as --output."
        )
    extra = sorted({name for record in records for name in record} - set(COLUMNS))
    frame = pd.DataFrame.from_records(records, columns=[*COLUMNS, *extra])
    numbers = [name for name in COLUMNS if name not in TEXT_COLUMNS]
    frame[numbers] = frame[numbers].apply(pd.to_numeric)
    for name in extra:
        frame[name] = column_of([record.get(name) for record in records])
    order = ["task", "optimizer", "weight_decay", "learning_rate", "seed"]
    return frame.sort_values(order, ignore_index=True)


def recorded_order(folder: str | os.PathLike[str]) -> list[str]:
    """Keys of a folder's runs in the order in which they were first recorded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `load_runs` has said them
        records = _lines(Path(folder))
        return list(dict.fromkeys(str(record["key"]) for record in records))


def load_study(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The declaration of a study, from its folder's `study.json`."""
    return _load_json(Path(folder) / "study.json")


def load_environment(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Where a study ran, from its folder's `environment.json`."""
    return _load_json(Path(folder) / "environment.json")


def _load_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist. Give the folder that `keras-lion run` printed."
        )
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}. {_MADE_ANEW}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} must be a JSON object. {_MADE_ANEW}")
    return value
