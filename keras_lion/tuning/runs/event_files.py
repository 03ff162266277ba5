"""A folder of TensorBoard's event files as a table of runs: one row per session."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.util import tensor_util

from keras_lion.tuning.runs.names import Kind
from keras_lion.tuning.runs.sources import Table, table_of

STATUSES = {
    api_pb2.STATUS_SUCCESS: "finished",
    api_pb2.STATUS_FAILURE: "failure",
    api_pb2.STATUS_RUNNING: "running",
}
STATUS = "status"
METRIC: Kind = "metric"
HYPERPARAMETER: Kind = "hyperparameter"
_HEADER, _CHECKSUM = 12, 4  # bytes around a record: its length and checksums


@dataclass
class _Session:
    """What the event files of one folder hold."""

    hyperparameters: dict[str, Any] | None = None
    status: str = ""
    scalars: dict[str, tuple[int, float]] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)


def read_event_files(folder: Path, files: list[Path]) -> Table:
    """Read the sessions of an HParams dashboard.

    A session is a folder whose events begin with hyperparameters. Its metrics are the
    last values of the scalars in it and, as `validation/epoch_loss`, in its folders.

    Raises:
        ValueError: If no file holds hyperparameters.
    """
    parts: dict[Path, _Session] = {}
    for file in sorted(files, key=_in_order):
        try:
            _add(parts.setdefault(file.parent, _Session()), file)
        except Exception as error:  # protobuf's own, of which there are several
            raise ValueError(f"{file} is damaged: {error}") from error
    sessions = [place for place, part in parts.items() if part.hyperparameters]
    if not sessions:
        raise ValueError(
            f"{folder} has event files and no hyperparameters in them: write them "
            "with TensorBoard's HParams callback."
        )
    rows: list[dict[str, Any]] = []
    kinds: dict[str, Kind] = {}
    for place in sessions:
        metrics = _metrics(place, parts, sessions)
        known = dict(parts[place].hyperparameters or {})
        row = {**metrics, **known}
        row[STATUS] = known.get(STATUS) or parts[place].status
        for names, kind in ((metrics, METRIC), (known, HYPERPARAMETER)):
            kinds |= dict.fromkeys(names, kind)
        rows.append(row)
    declared = set[str]().union(*(part.metrics for part in parts.values()))
    measured = {name for name, kind in kinds.items() if kind == "metric"}
    only = declared & measured or measured
    result = next(iter(only)) if len(only) == 1 else None
    return Table(table_of(rows), result, kinds=kinds)


def _in_order(file: Path) -> list[tuple[int, str]]:
    """Sorts `run-2` before `run-10`."""
    parts = re.split(r"(\d+)", str(file))
    return [(int(part) if part.isdecimal() else -1, part) for part in parts]


def _metrics(
    place: Path, parts: dict[Path, _Session], sessions: list[Path]
) -> dict[str, float]:
    found: dict[str, float] = {}
    for inner, part in parts.items():
        owner = next((p for p in (inner, *inner.parents) if p in sessions), None)
        if owner == place:
            prefix = "" if inner == place else f"{inner.relative_to(place).as_posix()}/"
            found |= {f"{prefix}{tag}": v for tag, (_, v) in part.scalars.items()}
    return found


def _add(session: _Session, file: Path) -> None:
    for event in _events(file):
        for value in event.summary.value:
            plugin = value.metadata.plugin_data
            if plugin.plugin_name == metadata.PLUGIN_NAME:
                _add_plugin(session, value.tag, plugin.content)
            elif (number := _scalar(value)) is not None:
                step, _ = session.scalars.get(value.tag, (event.step, 0.0))
                if event.step >= step:
                    session.scalars[value.tag] = (event.step, number)


def _add_plugin(session: _Session, tag: str, content: bytes) -> None:
    data = plugin_data_pb2.HParamsPluginData.FromString(content)
    if tag == metadata.SESSION_START_INFO_TAG:
        session.hyperparameters = {
            name: getattr(value, value.WhichOneof("kind"))
            for name, value in sorted(data.session_start_info.hparams.items())
            if value.WhichOneof("kind")
        }
    elif tag == metadata.SESSION_END_INFO_TAG:
        session.status = STATUSES.get(data.session_end_info.status, "")
    elif tag == metadata.EXPERIMENT_TAG:
        session.metrics |= {
            "/".join(filter(None, (metric.name.group, metric.name.tag)))
            for metric in data.experiment.metric_infos
        }


def _scalar(value: Any) -> float | None:
    if value.WhichOneof("value") == "simple_value":
        return float(value.simple_value)
    if value.WhichOneof("value") == "tensor" and not value.tensor.tensor_shape.dim:
        array = tensor_util.make_ndarray(value.tensor)
        return float(array) if array.dtype.kind in "fiu" and array.ndim == 0 else None
    return None


def _events(file: Path) -> Iterator[Any]:
    """The events of a file, up to where it was cut off."""
    data, at = file.read_bytes(), 0
    while at + _HEADER <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        end = at + _HEADER + length
        if end + _CHECKSUM > len(data):
            return
        yield event_pb2.Event.FromString(data[at + _HEADER : end])
        at = end + _CHECKSUM
