"""The runs of a study as TensorBoard reads them: scalars and the HParams dashboard.

Written with TensorBoard's own records and messages, which need no TensorFlow. Its file
writer is not used, because that puts the host's name and the time into file names.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.hparams import summary_v2 as hparams_api
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from keras_lion.report.elements.style import number
from keras_lion.report.file_names import run_folder_name
from keras_lion.report.run_table import differing_columns
from keras_lion.tuning.runs.files import writing
from keras_lion.tuning.runs.records import load_runs

FOLDER = "tensorboard"
FILE = "events.out.tfevents.0.keras-lion"
ALWAYS = ("optimizer", "learning_rate", "weight_decay", "seed", "status")
METRICS = {
    "score": "last epoch on the validation examples; larger is better",
    "best_score": "best epoch on the validation examples",
    "final_loss": "last epoch's loss on the validation examples",
    "test_score": "on the test examples, of selected configurations only",
}
STATUSES = {
    "ok": api_pb2.STATUS_SUCCESS,
    "diverged": api_pb2.STATUS_FAILURE,
    "failed": api_pb2.STATUS_FAILURE,
}
MOST_CHOICES = 9  # of a hyperparameter; of more the dashboard offers no list

Summary = Any  # TensorBoard's messages have no type stubs
Run = Mapping[str, Any]


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter as the dashboard lists it.

    Attributes:
        name: Name of the column.
        domain: The values that occur.
        numeric: Whether all of them are numbers.
    """

    name: str
    domain: hparams_api.Domain
    numeric: bool

    @classmethod
    def of(cls, name: str, values: Iterable[Any]) -> Hyperparameter:
        """The hyperparameter with these values, none of them missing."""
        values = list(values)
        if not all(isinstance(value, Real) for value in values):
            words = sorted({str(value) for value in values})
            return cls(name, hparams_api.Discrete(words), False)
        numbers = sorted({float(value) for value in values})
        if len(numbers) > MOST_CHOICES:
            return cls(name, hparams_api.RealInterval(numbers[0], numbers[-1]), True)
        return cls(name, hparams_api.Discrete(numbers), True)

    def value(self, value: Any) -> float | str:
        """A value in the type of the domain."""
        return float(value) if self.numeric else str(value)


def write_tensorboard(folder: str | Path) -> Path:
    """Write a study's runs for `tensorboard --logdir`, each run by itself.

    Every run is a session of the HParams dashboard with its status: one that diverged
    or failed is a failure there, and the hyperparameter `status` says which. Its
    history is scalars over steps. When a run was trained is not recorded: clocks start
    at 0.

    Args:
        folder: A study's folder, with its run records.

    Returns:
        The folder `tensorboard` in it. What an earlier call wrote there is replaced;
        other files stay.

    Raises:
        FileNotFoundError: If the folder holds no records.
        FolderWriteError: If a file cannot be written.

    Example:

    ```python
    write_tensorboard("results/learning_rate_weight_decay-standard")
    ```
    """
    frame = load_runs(folder)
    target = Path(folder) / FOLDER
    _clear(target)
    hyperparameters = _hyperparameters(frame)
    _write(target, [(0.0, 0, _experiment(frame, hyperparameters))])
    for row in frame.to_dict("records"):
        run = {str(name): value for name, value in row.items()}
        words = [str(run["task"]), str(run["optimizer"])]
        words += [
            f"lr{number(run['learning_rate'])}",
            f"wd{number(run['weight_decay'])}",
        ]
        words += [f"seed{run['seed']}"]
        place = target / run_folder_name(words, str(run["key"]))
        _write(place, _summaries(run, hyperparameters))
    return target


def _clear(target: Path) -> None:
    for file in [*target.glob(FILE), *target.glob(f"*/{FILE}")]:
        file.unlink()
        with contextlib.suppress(OSError):  # it holds something of somebody else's
            file.parent.rmdir()


def _write(place: Path, summaries: list[tuple[float, int, Summary]]) -> None:
    path = place / FILE
    with writing(path):
        place.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            records = RecordWriter(file)
            first = event_pb2.Event(wall_time=0.0, file_version="brain.Event:2")
            records.write(first.SerializeToString())
            for seconds, step, summary in summaries:
                event = event_pb2.Event(wall_time=seconds, step=step, summary=summary)
                records.write(event.SerializeToString())


def _experiment(frame: pd.DataFrame, listed: list[Hyperparameter]) -> Summary:
    """Which hyperparameters and metrics there are, and the values they take."""
    return hparams_api.hparams_config_pb(
        hparams=[hparams_api.HParam(each.name, each.domain) for each in listed],
        metrics=[
            hparams_api.Metric(name, display_name=name, description=description)
            for name, description in METRICS.items()
            if name in frame and frame[name].notna().any()
        ],
        time_created_secs=0.0,
    )


def _hyperparameters(frame: pd.DataFrame) -> list[Hyperparameter]:
    """What the dashboard lists: of more than five it shows five at first."""
    differing = [name for name in ("task", "batch_size") if frame[name].nunique() > 1]
    names = [*ALWAYS, *differing, *differing_columns(frame)]
    return [Hyperparameter.of(name, frame[name].dropna()) for name in names]


def _summaries(
    run: Run, listed: list[Hyperparameter]
) -> list[tuple[float, int, Summary]]:
    """What one run's file holds: (seconds since its start, step, summary)."""
    seconds = _or_zero(run.get("seconds"))
    start = hparams_api.hparams_pb(
        {
            each.name: each.value(run[each.name])
            for each in listed
            if _known(run[each.name])
        },
        trial_id=str(run["key"]),
        start_time_secs=0.0,
    )
    history = _history(run, seconds)
    # A run that diverged stops before its last step.
    last = history[-1][1] if history else int(_or_zero(run.get("steps")))
    results = {name: run[name] for name in METRICS if _known(run.get(name))}
    summaries = [_scalars(results), _end(run["status"], seconds)]
    if _known(run.get("reason")):
        summaries.append(text_pb("reason", str(run["reason"])))
    return [
        (0.0, 0, start),
        *history,
        *((seconds, last, summary) for summary in summaries),
    ]


def _history(run: Run, seconds: float) -> list[tuple[float, int, Summary]]:
    history = run.get("history")
    if not isinstance(history, Mapping):
        return []
    curves = {name: values for name, values in history.items() if name != "epoch"}
    length = max(map(len, curves.values()), default=0)
    epochs = history.get("epoch", range(1, length + 1))
    planned = _or_zero(run.get("epochs"))
    steps = _or_zero(run.get("steps")) / planned if planned else 0.0
    return [
        (
            seconds * epoch / (epochs[-1] or 1),
            round(steps * epoch) if steps else i + 1,
            _scalars(
                {
                    f"history/{name}": values[i]
                    for name, values in curves.items()
                    if i < len(values) and _known(values[i])
                }
            ),
        )
        for i, epoch in enumerate(epochs)
    ]


def _scalars(values: Mapping[str, float]) -> Summary:
    summary = summary_pb2.Summary()
    for name, value in values.items():
        summary.value.add(tag=name, simple_value=float(value))
    return summary


def _end(status: str, seconds: float) -> Summary:
    # TensorBoard's function for this message needs TensorFlow.
    content = plugin_data_pb2.HParamsPluginData(
        session_end_info=plugin_data_pb2.SessionEndInfo(
            status=STATUSES[status], end_time_secs=seconds
        )
    )
    summary = summary_pb2.Summary()
    summary.value.add(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(content),
        tensor=metadata.NULL_TENSOR,
    )
    return summary


def _known(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is not None and value is not pd.NA


def _or_zero(value: Any) -> float:
    return float(value) if _known(value) else 0.0
