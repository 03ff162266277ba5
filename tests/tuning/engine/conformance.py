"""Runs of the engine against `fit`, for many kinds of tasks: `make test-conformance`.

Each cell is a task: a loss, labels, outputs, metrics, a dtype policy, a kind of model.
Its losses and metrics of two epochs must be those of `model.fit`, or the task must be
refused before the first run. There is no third outcome.

    python -m tests.tuning.engine.conformance      # writes docs/conformance.md
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras import layers, ops

from keras_lion import Lion
from keras_lion.tuning import Axis, Data, SearchSpace, Study, Task
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.study import Comparison, Plan, RunSpecification
from keras_lion.tuning.study.schedule import Schedule

PAGE = Path(__file__).parents[3] / "docs" / "conformance.md"
TOLERANCE = 1e-4
POOL, TRAIN, TEST, LENGTH, FEATURES, CLASSES = 64, 40, 16, 5, 4, 3
RATE, DECAY, EPOCHS, BATCH = 3e-3, 0.1, 2, 8
SAME, REFUSED = "as `fit`", "refused"


@dataclass(frozen=True)
class Cell:
    """One task, by the names of its parts."""

    loss: str
    labels: str = "integers (n,)"
    outputs: str = "logits"
    metrics: str = '"accuracy"'
    policy: str = "float32"
    model: str = "Sequential"
    weights: str = "none"


def own_function(y: Any, p: Any) -> Any:
    """Absolute differences, as a loss of the user's."""
    return ops.mean(ops.abs(ops.cast(y, p.dtype) - p), axis=-1)


class OwnLoss(keras.losses.Loss):
    """The same as a class."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return own_function(y_true, y_pred)


LOSSES = {
    "none given": lambda: None,
    '"sparse_categorical_crossentropy"': lambda: "sparse_categorical_crossentropy",
    "SparseCategoricalCrossentropy": lambda: keras.losses.SparseCategoricalCrossentropy(
        from_logits=True
    ),
    "the same, ignore_class=0": lambda: keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=0
    ),
    '"categorical_crossentropy"': lambda: "categorical_crossentropy",
    "CategoricalCrossentropy, label_smoothing": lambda: (
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    ),
    '"binary_crossentropy"': lambda: "binary_crossentropy",
    '"mse"': lambda: "mse",
    "MeanSquaredError, reduction sum": lambda: keras.losses.MeanSquaredError(
        reduction="sum"
    ),
    "a function": lambda: own_function,
    "a class": lambda: OwnLoss(),
}
LABELS = (
    "integers (n,)",
    "integers (n, 1)",
    "0 or 1 (n,)",
    "one-hot",
    "floats",
    "sequences",
)
OUTPUTS = ("logits", "probabilities", "(n, 1)", "sequences")
METRICS = {
    '"accuracy"': lambda: (["accuracy"], "accuracy"),
    '"acc"': lambda: (["acc"], "acc"),
    "an object": lambda: ([keras.metrics.MeanAbsoluteError(name="mae")], "mae"),
    "vector-valued": lambda: ([keras.metrics.F1Score(average=None)], "f1_score"),
    "two of one name": lambda: (
        [keras.metrics.AUC(name="m"), keras.metrics.MeanSquaredError(name="m")],
        "m",
    ),
    "none, by the loss": lambda: ([], "loss"),
}
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float64")
MODELS = (
    "Sequential",
    "functional",
    "subclassed",
    "a class",
    "compiled",
    "HyperModel",
    "own compute_loss",
    "own train_step",
    "own test_step",
)
WEIGHTS = ("none", "sample weights", "class weights", "both")


def cells() -> list[Cell]:
    """Every cell of the table, once."""
    return list(dict.fromkeys(_cells()))


def _cells() -> Iterator[Cell]:
    for loss, labels, outputs in product(LOSSES, LABELS, OUTPUTS):
        yield Cell(loss, labels, outputs)
    typical = (
        Cell("SparseCategoricalCrossentropy"),
        Cell('"categorical_crossentropy"', "one-hot", "probabilities"),
        Cell('"mse"', "floats"),
    )
    for cell, metrics in product(typical, METRICS):
        if metrics != '"accuracy"':
            yield replace(cell, metrics=metrics)
    for cell, policy, model in product(typical[::2], POLICIES, MODELS):
        by_loss = replace(cell, metrics="none, by the loss")
        yield replace(by_loss, policy=policy, model=model)
    for cell, weights in product(typical, WEIGHTS[1:]):
        yield replace(cell, weights=weights, metrics="none, by the loss")


# --- the task of a cell ---


def data_of(cell: Cell) -> Data:
    generator = np.random.default_rng(0)
    count = POOL + TEST
    x = generator.normal(size=(count, LENGTH, FEATURES)).astype("float32")
    scores = x @ generator.normal(size=(FEATURES, CLASSES))
    classes = scores.mean(axis=1).argmax(axis=-1)
    y = {
        "integers (n,)": classes,
        "integers (n, 1)": classes[:, None],
        "0 or 1 (n,)": (classes == 1).astype(int),
        "one-hot": np.eye(CLASSES, dtype="float32")[classes],
        "floats": scores.mean(axis=1).astype("float32"),
        "sequences": scores.argmax(axis=-1),
    }[cell.labels]
    weights = None
    if cell.weights in ("sample weights", "both"):
        weights = generator.uniform(0.5, 2.0, count).astype("float32")
    return Data(
        x[:POOL],
        y[:POOL],
        x[POOL:],
        y[POOL:],
        sample_weight=None if weights is None else weights[:POOL],
        sample_weight_test=None if weights is None else weights[POOL:],
    )


def stack(cell: Cell) -> list[Any]:
    """The layers of a cell's model."""
    final = {
        "logits": [layers.Flatten(), layers.Dense(CLASSES)],
        "probabilities": [layers.Flatten(), layers.Dense(CLASSES, "softmax")],
        "(n, 1)": [layers.Flatten(), layers.Dense(1, "sigmoid")],
        "sequences": [layers.Dense(CLASSES)],
    }[cell.outputs]
    return [layers.Dense(6, "tanh"), *final]


class Subclassed(keras.Model):
    """Layers in a model of the user's own, whose `call` knows no `training`."""

    def __init__(self, parts: list[Any]) -> None:
        super().__init__()
        self.parts = parts

    def call(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x


class OwnComputeLoss(keras.Model):
    """A functional model with a loss of its own."""

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        del x, y, sample_weight, training
        return 1.0 + ops.mean(ops.square(ops.cast(y_pred, "float32")))


class OwnTrainStep(keras.Model):
    """A functional model that reports twice its training loss."""

    def train_step(self, *arguments: Any) -> Any:
        found = super().train_step(*arguments)
        if keras.backend.backend() == "jax":
            logs, state = found
            return {**logs, "loss": 2 * logs["loss"]}, state
        return {**found, "loss": 2 * found["loss"]}


class OwnTestStep(keras.Model):
    """A functional model that reports twice its validation loss."""

    def test_step(self, *arguments: Any) -> Any:
        found = super().test_step(*arguments)
        if keras.backend.backend() == "jax":
            logs, state = found
            return {**logs, "loss": 2 * logs["loss"]}, state
        return {**found, "loss": 2 * found["loss"]}


def new_model(cell: Cell) -> Any:
    """A new model, without the loss of the task."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(cell.policy)
    try:
        if cell.model in ("subclassed", "a class"):
            return Subclassed(stack(cell))
        kinds = {
            "own compute_loss": OwnComputeLoss,
            "own train_step": OwnTrainStep,
            "own test_step": OwnTestStep,
        }
        if cell.model == "functional" or cell.model in kinds:
            inputs = keras.Input((LENGTH, FEATURES))
            x = inputs
            for layer in stack(cell):
                x = layer(x)
            return kinds.get(cell.model, keras.Model)(inputs, x)
        return keras.Sequential([keras.Input((LENGTH, FEATURES)), *stack(cell)])
    finally:
        keras.config.set_dtype_policy(before)


def model_of_task(cell: Cell) -> Any:
    """The model of a cell as a task takes it."""
    if cell.model == "a class":

        class Net(Subclassed):
            def __init__(self) -> None:
                before = keras.config.dtype_policy()
                keras.config.set_dtype_policy(cell.policy)
                super().__init__(stack(cell))
                keras.config.set_dtype_policy(before)

        return Net
    if cell.model == "HyperModel":

        class Hyper(keras_tuner.HyperModel):
            def build(self, hp: Any) -> Any:
                return new_model(cell)

        return Hyper()
    if cell.model == "compiled":

        def compiled() -> Any:
            model = new_model(cell)
            metrics, _ = METRICS[cell.metrics]()
            model.compile("sgd", LOSSES[cell.loss](), metrics=metrics or None)
            return model

        return compiled
    return lambda: new_model(cell)


def class_weight_of(cell: Cell) -> dict[int, float] | None:
    if cell.weights not in ("class weights", "both"):
        return None
    return {0: 0.5, 1: 1.0, 2: 2.0}


def task_of(cell: Cell) -> Task:
    metrics, metric = METRICS[cell.metrics]()
    is_compiled = cell.model == "compiled"
    return Task(
        "t",
        lambda: data_of(cell),
        model_of_task(cell),
        train_examples=TRAIN,
        batch_size=BATCH,
        metric=metric,
        loss=None if is_compiled else LOSSES[cell.loss](),
        metrics=() if is_compiled else metrics,
        class_weight=class_weight_of(cell),
        lower_is_better=True,
    )


# --- both ways ---


@dataclass(frozen=True)
class Outcome:
    """What became of a cell."""

    kind: str  # SAME, REFUSED or what is wrong
    message: str = ""
    is_fast: bool = False


def run(cell: Cell) -> Outcome:
    """Train a cell by the engine and by `fit`, and compare."""
    keras.utils.clear_session()
    task = task_of(cell)
    space = SearchSpace(
        (Axis("learning_rate", (RATE,)),),
        {"beta_1": 0.9, "beta_2": 0.99, "weight_decay": DECAY},
    )
    constant = Schedule(warmup=0.0, decay="constant")
    plan = Plan({"lion": space}, epochs=EPOCHS, seeds=1, schedule=constant)
    study = Study(
        "conformance",
        "?",
        {"t": {"smoke": plan}},
        Comparison("c", {"t": 0.05}),
        tasks={"t": task},
    )
    (spec,) = study.runs("t", "smoke", keras.backend.backend())
    try:
        trainer = Trainer(task)
        trainer.check([spec])
    except ValueError as error:
        return Outcome(REFUSED, str(error))
    record = trainer.run(spec)
    ours = record["history"]
    theirs = by_fit(cell, trainer, spec)
    pairs = [("train_loss", "loss"), ("loss", "val_loss")]
    pairs += [
        (name.removeprefix("val_"), name)
        for name in theirs
        if name.startswith("val_") and name != "val_loss"
    ]
    for mine, yours in pairs:
        if mine not in ours:
            return Outcome(f"no {mine}")
        if not np.allclose(ours[mine], theirs[yours], rtol=TOLERANCE, atol=TOLERANCE):
            return Outcome(f"{mine} {ours[mine]} is not {theirs[yours]} of fit")
    return Outcome(SAME, is_fast=trainer.is_fast(spec))


def by_fit(
    cell: Cell, trainer: Trainer, spec: RunSpecification
) -> dict[str, list[float]]:
    """What `fit` reports of the same batches, from the same weights."""
    planned = trainer._prepare(spec)
    keras.utils.set_random_seed(planned.seeds.model_seed)
    model = new_model(cell)
    data = trainer.data
    if not model.built:
        model(data.x[:1])
    metrics, _ = METRICS[cell.metrics]()
    optimizer = Lion(RATE, weight_decay=DECAY)
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    loss = LOSSES[cell.loss]()
    if loss is None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=metrics or None)
    history: dict[str, list[float]] = {}
    weights, held_out = data.sample_weight, planned.split.validation
    validation = [data.x[held_out], data.y[held_out]]
    if weights is not None:
        validation.append(weights[held_out])
    for rows in np.split(planned.order, EPOCHS):
        order = rows.ravel()
        fitted = model.fit(
            data.x[order],
            data.y[order],
            sample_weight=None if weights is None else weights[order],
            class_weight=class_weight_of(cell),
            batch_size=BATCH,
            shuffle=False,
            validation_data=tuple(validation),
            verbose=0,
        )
        for name, values in fitted.history.items():
            history.setdefault(name, []).extend(values)
    return history


# --- the page ---


def line(cell: Cell, outcome: Outcome) -> str:
    """A row of the table."""
    parts = (cell.loss, cell.labels, cell.outputs, cell.metrics)
    more = (cell.model, cell.policy, cell.weights)
    kind = outcome.kind
    if kind == REFUSED:
        kind = f"{REFUSED}: {outcome.message.split(':')[0][:90]}"
    return f"| {' | '.join((*parts, *more, kind))} |"


def main() -> int:
    """Write the rows of this backend, and say whether a third outcome was met."""
    name = keras.backend.backend()
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    lines, wrong = [], 0
    for number, cell in enumerate(cells(), start=1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                outcome = run(cell)
            except Exception as error:
                outcome = Outcome(f"raised {type(error).__name__}: {error}"[:120])
        lines.append(line(cell, outcome))
        if outcome.kind not in (SAME, REFUSED):
            wrong += 1
            print(f"{number}: {cell}: {outcome.kind}", flush=True)
    same = sum(text.endswith(f"| {SAME} |") for text in lines)
    refused = len(lines) - same - wrong
    head = (
        f"{len(lines)} cells on {name}: {same} as `fit`, {refused} refused before the "
        f"first run, {wrong} neither.\n\n"
        "| loss | labels | outputs | metrics | model | policy | weights | outcome |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    before, _, rest = PAGE.read_text("utf-8").partition(start)
    after = rest.partition(end)[2]
    PAGE.write_text(before + start + head + "\n".join(lines) + "\n" + end + after)
    print(head.splitlines()[0])
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
