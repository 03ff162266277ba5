"""A callback that measures what Lion does to the weights of a model."""

from __future__ import annotations

import math
import os
from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion._lazy import missing_package
from keras_lion.optimizers.lion import Lion
from keras_lion.optimizers.monitoring.diagnostic_report import (
    EXPECTED,
    expected,
    report,
)
from keras_lion.optimizers.monitoring.step_statistics import METRICS, summarize
from keras_lion.optimizers.monitoring.update_meter import (
    Rates,
    Snapshot,
    UpdateMeter,
    number,
)

TOTAL = "total"
LOGGED = (*METRICS, *EXPECTED[1:])  # the expected sign flips never change
COLUMNS = (*METRICS, *EXPECTED)

Row = dict[str, Any]


class LionDiagnostics(keras.callbacks.Callback):
    """Measures every k-th update of `Lion` during `fit`, per layer and in total.

    The share of weights is meant where nothing else is said:

    | in `logs` and History | |
    |---|---|
    | `lion/cosine` | cosine of c and sign(c): how much of the step's direction the sign keeps; 0.80 for Gaussian c |
    | `lion/sign_flips` | weights whose update changes its sign from the step before |
    | `lion/zero_updates` | weights that decay alone moves |
    | `lion/decay_bound` | max\\|w\\| · λ, whose bound is 1 in the long run |
    | `lion/bound_weights` | weights within 10 % of that bound |
    | `lion/weight_rms`, `lion/rotation` | RMS of the weights, and the angle in radians by which a step turns them |
    | `lion/expected_weight_rms`, `lion/expected_rotation` | what `keras_lion.theory` expects under gradient noise; NaN without decay or with caution |
    | `lion/stuck_weights` | weights that no step of this learning rate can move, as their dtype is too coarse |
    | `lion/skipped_steps` | steps that `skip_nonfinite` has dropped so far |

    A value is the mean over the measured updates of an epoch (of `decay_bound`, the
    maximum), and NaN if there were none. At the end of `fit`, unless `verbose=0`, a
    line prints the last epoch's values next to the expected ones, and at most two give
    advice.

    c is computed from the momenta before and after an update, exactly up to their
    rounding: see [the page on diagnostics](../diagnostics.md). Between the measured
    updates nothing is computed.

    Args:
        every: k, a whole number ≥ 1: updates k, 2k, 3k, … are measured. With gradient
            accumulation only updates count. An update is compared with the one before:
            the first is never measured, nor is the second on TensorFlow if the
            optimizer is new.
        log_dir: A folder for TensorBoard, which gets every measured update of every
            layer. Needs the package `tensorboard`.

    Attributes:
        history: A list of dictionaries, one for each epoch and layer, and one for the
            `"total"` of each epoch: the columns above without `lion/`, and `epoch`,
            `layer`, `dtype`, `updates` (so far), `measured` (updates of the epoch),
            `learning_rate`, `weight_decay`, `expected_sign_flips`. A layer is a path of variables
            without the last part.
        advice: The lines that are printed at the end.

    Raises:
        ValueError: If an argument is out of its range. In `fit`, if the model's
            optimizer is not a `keras_lion.Lion`, also within a `LossScaleOptimizer`,
            or `steps_per_execution` is not 1.
        ImportError: If `log_dir` is given and TensorBoard is not installed.

    Example:

    ```python
    from keras_lion.optimizers import LionDiagnostics

    diagnostics = LionDiagnostics(every=10)
    history = model.fit(x, y, callbacks=[diagnostics])
    history.history["lion/sign_flips"]  # one value per epoch
    diagnostics.history  # one dictionary per epoch and layer
    ```
    """  # noqa: E501

    def __init__(
        self, every: int = 10, log_dir: str | os.PathLike[str] | None = None
    ) -> None:
        super().__init__()
        if not isinstance(every, Integral) or isinstance(every, bool) or every < 1:
            raise ValueError(
                "`every` must be a whole number ≥ 1: every so many updates, one is "
                f"measured. Received: every={every!r}."
            )
        if log_dir is not None and not isinstance(log_dir, str | os.PathLike):
            raise ValueError(
                "`log_dir` must be a folder's path, or None for no files. "
                f"Received: log_dir={log_dir!r}."
            )
        self.every: int = int(every)
        self.log_dir: str | os.PathLike[str] | None = log_dir
        self._writer: Any = None if log_dir is None else _tensorboard_writer()
        self.history: list[Row] = []
        self.advice: list[str] = []
        self._meter: UpdateMeter | None = None  # kept between calls of `fit`

    def on_train_begin(self, logs: Any = None) -> None:
        model = self.model
        self._optimizer = _lion_of(model.optimizer)
        if model.steps_per_execution != 1:
            raise ValueError(
                "`LionDiagnostics` compares the weights before and after one step. "
                f"Received: steps_per_execution={model.steps_per_execution}; compile "
                "the model with steps_per_execution=1."
            )
        self.history, self.advice = [], []
        self._snapshot: Snapshot | None = None
        self._tables: list[np.ndarray] = []  # of this epoch, (layers + 1, columns)
        self._rates = Rates(math.nan, np.empty(0))  # of the last update looked at
        self._batches = 0  # until the next look
        self._scalars = self._writer(str(self.log_dir)) if self._writer else None

    # Unlike the end of a batch, its beginning leaves Keras free to run other callbacks
    # in the background. The state is that after the batch before.
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._batches == 0:
            self._look()
        # Only now: callbacks may have changed the learning rate since the last batch.
        if self._meter and self._snapshot is not None and self._batches == 1:
            _ = self.model  # as in `_look`
            self._rates = self._meter.rates()
        self._batches -= 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._batches == 0:
            self._look()
        rows = self._rows_of_epoch(epoch)
        self.history += rows
        if logs is not None:
            total = rows[-1]
            logs |= {f"lion/{name}": total[name] for name in LOGGED}
            logs["lion/skipped_steps"] = total["skipped_steps"]

    def on_train_end(self, logs: Any = None) -> None:
        if self._scalars is not None:
            self._scalars.close()
        measured = [row["epoch"] for row in self.history if row["measured"]]
        if not measured:
            self.advice = [
                f"no update was measured: `every` is {self.every}, and update 1 is "
                "left out. Lower `every`, or train for longer."
            ]
        else:
            last = (row for row in self.history if row["epoch"] == measured[-1])
            *layers, total = last
            self.advice = report(total, layers, cautious=self._optimizer.cautious)
        if (self.params or {}).get("verbose") != 0:
            for line in self.advice:
                print(f"LionDiagnostics: {line}")

    def _look(self) -> None:
        """Measure the last update if it is one to measure; keep the state if needed.

        Three states make a measurement: before and after an update, and before the
        update that precedes it, for the flips of signs.
        """
        _ = self.model  # on JAX, its state is written to the variables
        optimizer = self._optimizer
        if not optimizer.built:
            self._batches = 1
            return
        if self._meter is None or self._meter.optimizer is not optimizer:
            self._meter = UpdateMeter(optimizer)
        meter = self._meter
        window = optimizer.gradient_accumulation_steps or 1
        updates, position = divmod(number(optimizer._iterations), window)
        if position:  # some step of this window was skipped
            self._batches = window - position
            return
        before = self._snapshot
        if before is not None and before.updates == updates:  # skipped, or no batch
            self._batches = window
            return
        directions = None
        if before is not None and before.updates == updates - 1:
            sums, directions = meter.measure(before, self._rates)
            if updates % self.every == 0 and before.directions is not None:
                self._record(updates, ops.convert_to_numpy(sums), meter.sizes)
        left = self.every - updates % self.every
        self._snapshot = meter.snapshot(updates, directions) if left <= 2 else None
        self._batches = max(1, left - 2) * window

    def _record(self, update: int, sums: np.ndarray, sizes: np.ndarray) -> None:
        """Keep the measurements of one update, and write them for TensorBoard."""
        learning_rate, weight_decays = self._rates
        table = []
        for name, picked in self._groups.items():
            decays = weight_decays[picked]
            row = summarize(sums[picked], sizes[picked], decays)
            row |= self._expected(learning_rate, decays.max())
            table.append([row[column] for column in COLUMNS])
            if self._scalars is not None:
                suffix = "" if name == TOTAL else f"/{name}"
                for column in COLUMNS:
                    self._scalars.add_scalar(
                        f"lion/{column}{suffix}", row[column], update
                    )
        self._tables.append(np.array(table))

    @property
    def _groups(self) -> dict[str, list[int]]:
        """The variables of each layer, and of the total as the last."""
        layers = self._meter.layers if self._meter else {}
        return {**layers, TOTAL: [i for picked in layers.values() for i in picked]}

    def _expected(self, learning_rate: float, weight_decay: float) -> dict[str, float]:
        optimizer = self._optimizer
        if optimizer.cautious or optimizer.cautious_weight_decay:
            return dict.fromkeys(EXPECTED, math.nan)
        return expected(learning_rate, weight_decay, optimizer.beta_1, optimizer.beta_2)

    def _rows_of_epoch(self, epoch: int) -> list[Row]:
        """One row per layer, and the total as the last."""
        tables, self._tables = self._tables, []
        means = np.full((len(self._groups), len(COLUMNS)), math.nan)
        if tables:
            means = np.mean(tables, axis=0)
            largest = COLUMNS.index("decay_bound")
            means[:, largest] = np.max(tables, axis=0)[:, largest]
        learning_rate, decays = self._rates
        dtypes = self._meter.dtypes if self._meter else []
        return [
            {
                "epoch": epoch,
                "layer": name,
                "dtype": ", ".join(sorted({dtypes[i] for i in picked})),
                "updates": number(self._optimizer.iterations),
                "measured": len(tables),
                "learning_rate": learning_rate,
                "weight_decay": float(decays[picked].max()) if decays.size else 0.0,
                **dict(zip(COLUMNS, values.tolist(), strict=True)),
                "skipped_steps": self._optimizer.skipped_steps,
            }
            for (name, picked), values in zip(self._groups.items(), means, strict=True)
        ]


def _lion_of(optimizer: Any) -> Lion:
    """The Lion that a model is compiled with, without what is wrapped around it."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not isinstance(inner, Lion):
        raise ValueError(
            "`LionDiagnostics` measures a `keras_lion.Lion`. Received a model with "
            f"optimizer={type(inner).__module__}.{type(inner).__name__}: compile it "
            "with `keras_lion.Lion(...)`, or leave the callback out."
        )
    return inner


def _tensorboard_writer() -> Any:
    """TensorBoard's own writer, which needs no TensorFlow."""
    try:
        from tensorboard.summary import Writer
    except ModuleNotFoundError as error:
        advice = missing_package("`LionDiagnostics(log_dir=…)`", error)
        raise (advice or error) from error
    return Writer
