"""Models, losses, metrics and data of one's own, against plain `model.fit`."""

from __future__ import annotations

import keras
import keras_tuner
import numpy as np
import pytest

from keras_lion import Lion
from keras_lion.tuning import Axis, Data, SearchSpace, Task
from keras_lion.tuning.engine.executors import Executor
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.study import Plan
from keras_lion.tuning.study.seeds import data_order, run_seeds
from keras_lion.tuning.tasks.fit_data import as_part
from tests.tuning.tiny import BETAS, blobs, only_run, tiny_plan, tiny_study, tiny_task


class WithState(keras_tuner.HyperModel):
    """Dropout and BatchNorm, compiled with a loss of its own."""

    def build(self, hp):
        model = keras.Sequential(
            [
                keras.layers.Input((4,)),
                keras.layers.Dense(
                    hp.Int("units", 4, 64), "relu", kernel_regularizer="l2"
                ),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(0.2),
                keras.layers.Dense(3, "softmax"),
            ]
        )
        model.compile(loss="sparse_categorical_crossentropy")
        return model


def width_plan(**arguments):
    axes = (
        Axis("units", (4, 12)),
        Axis("weight_decay", (0.1,)),
        Axis("learning_rate", (1e-3,)),
    )
    space = SearchSpace(axes, BETAS["lion"])
    return Plan({"lion": space}, seeds=1, **{"epochs": 2, **arguments})


class Rates(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of every step, from a table."""

    def __init__(self, rates):
        self.rates = rates.astype("float32")

    def __call__(self, step):
        return keras.ops.take(self.rates, keras.ops.cast(step, "int32"))


def fit_with_keras(trainer, model, spec, **compiled):
    """`model.fit`, epoch by epoch, on the batches of a run."""
    seeds = run_seeds(spec.study, spec.task, spec.seed)
    split = trainer.task.split(trainer.data, np.random.default_rng(seeds.split))
    order = data_order(seeds.order, split.train, spec.epochs, spec.batch_size)
    rates = Rates(spec.learning_rate * spec.schedule.factors(len(order)))
    optimizer = Lion(rates, weight_decay=spec.weight_decay)
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    model.compile(optimizer, **compiled)
    x, y = trainer.data.x, trainer.data.y
    history = []
    for rows in np.split(order, spec.epochs):
        fitted = model.fit(
            x[rows.ravel()],
            y[rows.ravel()],
            batch_size=spec.batch_size,
            shuffle=False,
            validation_data=(x[split.validation], y[split.validation]),
            verbose=0,
        )
        history.append({name: values[0] for name, values in fitted.history.items()})
    return history


def test_a_hyper_model_trains_as_fit_does():
    """Dropout, BatchNorm, a penalty, its own loss, and a width that varies."""
    units = 12
    task = tiny_task(model=WithState())
    study = tiny_study(width_plan(), task)
    spec = only_run(study, extra=(("units", units),))
    trainer = Trainer(task)
    record = trainer.run(spec)
    assert record["units"] == units

    keras.utils.set_random_seed(run_seeds("tiny", "blobs", 0).model_seed)
    hp = keras_tuner.HyperParameters()
    hp.Fixed("units", units)
    model = WithState().build(hp)
    history = fit_with_keras(
        trainer, model, spec, loss=model.loss, metrics=["accuracy"]
    )
    for name, column in (
        ("train_loss", "loss"),
        ("loss", "val_loss"),
        ("accuracy", "val_accuracy"),
    ):
        np.testing.assert_allclose(
            record["history"][name], [h[column] for h in history], rtol=0, atol=1e-4
        )


def test_widths_run_in_one_sweep():
    task = tiny_task(model=WithState())
    study = tiny_study(width_plan(epochs=1), task)
    runs = study.runs("blobs", "smoke", keras.backend.backend())
    assert len({run.key for run in runs}) == 2
    records = Executor(Trainer(task)).run(runs)
    assert sorted(r["units"] for r in records) == [4, 12]
    assert {r["status"] for r in records} <= {"ok", "diverged"}


def regression(**arguments):
    flat = blobs()
    target = flat.x[:, :1] * 0.5 + 0.1
    target_test = flat.x_test[:, :1] * 0.5 + 0.1
    return tiny_task(
        data=lambda: ((flat.x, target), (flat.x_test, target_test)),
        model=lambda: keras.Sequential(
            [keras.layers.Input((4,)), keras.layers.Dense(1)]
        ),
        **{"loss": "mse", "metric": "loss", **arguments},
    )


@pytest.mark.parametrize(
    ("executor", "declared"), [("loop", True), ("map", None), ("vmap", None)]
)
def test_a_loss_and_metrics_of_ones_own(executor, declared):
    task = regression(
        metrics=["mae", keras.metrics.RootMeanSquaredError(name="rmse")],
        metric="rmse",
        lower_is_better=declared,
    )
    study = tiny_study(tiny_plan((1e-2,), (0.1,), optimizers=("lion",)), task)
    runs = study.runs("blobs", "smoke", keras.backend.backend())
    trainer = Trainer(task)
    for record in Executor(trainer, executor, 2).run(runs):
        history = record["history"]
        assert record["score"] == -history["rmse"][-1]
        assert (record["likelihood"], record["lower_is_better"]) == (0, 1)
        assert history["rmse"][-1] ** 2 == pytest.approx(record["final_loss"], rel=1e-5)
        assert 0 < history["mae"][-1] <= history["rmse"][-1]
        assert history["accuracy"] == [None, None]
        assert record["floor"] == pytest.approx(-(record["initial_loss"] ** 0.5))
        assert record["status"] == "ok"


@pytest.mark.parametrize(
    ("metric", "negated"),
    [
        (keras.metrics.RootMeanSquaredError(name="mine"), True),
        (keras.metrics.MeanAbsoluteError(name="score"), True),
        (keras.metrics.R2Score(name="fit"), False),
        ("mse", True),
        ("cosine_similarity", False),
    ],
)
def test_the_direction_of_a_metric_of_keras_is_known(metric, negated):
    name = getattr(metric, "name", metric)
    assert regression(metrics=[metric], metric=name).is_negated is negated
    declared = regression(metrics=[metric], metric=name, lower_is_better=not negated)
    assert declared.is_negated is not negated


def test_a_metric_that_may_go_either_way_is_asked_about():
    def spread(y, p):
        return keras.ops.mean(p, axis=-1)

    with pytest.raises(ValueError, match="lower_is_better=True"):
        regression(metrics=[spread], metric="spread")
    assert regression(metrics=[spread], metric="spread", lower_is_better=True)


def test_cross_entropies_are_likelihoods():
    for arguments in ({}, {"metric": "loss"}):
        task = tiny_task(**arguments)
        study = tiny_study(tiny_plan(optimizers=("lion",), seeds=1), task)
        record = Trainer(task).run(
            study.runs("blobs", "smoke", keras.backend.backend())[0]
        )
        assert record["likelihood"] == 1
        assert record["lower_is_better"] == (task.metric == "loss")


def test_a_loss_that_gives_a_mean_is_the_loss_of_fit():
    mean = regression(loss=lambda y, p: keras.ops.mean((y - p) ** 2))
    records = []
    for task in (mean, regression()):
        study = tiny_study(tiny_plan(optimizers=("lion",), seeds=1), task)
        run = study.runs("blobs", "smoke", keras.backend.backend())[0]
        trainer = Trainer(task)
        assert trainer.is_fast(run) == (task is not mean)
        records.append(trainer.run(run)["history"]["loss"])
    np.testing.assert_allclose(*records, rtol=1e-5)


def test_floats_need_a_loss():
    with pytest.raises(ValueError, match=r"Choose metric='loss' with .* loss='mse'"):
        Trainer(regression(loss=None, metric="accuracy")).program  # noqa: B018
    with pytest.raises(ValueError, match=r"not class numbers .*loss='mse'"):
        Trainer(regression(loss=None)).program  # noqa: B018


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
@pytest.mark.parametrize("labels", ["classes", "numbers"])
def test_a_loss_that_keras_does_not_know_is_named(metric, labels):
    """Before anything that depends on it, such as whether there is an accuracy."""
    given = blobs()
    y, y_test = (part.astype("float32") / 7 for part in (given.y, given.y_test))
    numbers = Data(given.x, y, given.x_test, y_test)
    data = given if labels == "classes" else numbers
    task = tiny_task(data=lambda: data, loss="msee", metric=metric)
    with pytest.raises(
        ValueError, match=r"name of a Keras loss.*Received: loss='msee'"
    ):
        Trainer(task).check(tiny_study(task=task).runs("blobs", "smoke", "jax"))


def test_the_metric_must_fit():
    with pytest.raises(ValueError, match="scored by 'accuracy', which its labels"):
        Trainer(regression(metric="accuracy")).program  # noqa: B018
    with pytest.raises(ValueError, match="name of one of the task's `metrics`"):
        Task("t", blobs, WithState(), metric="rmse")
    metrics = [keras.metrics.RootMeanSquaredError(name="rmse"), "mae"]
    with pytest.raises(ValueError, match="not among its `metrics`, .*: rmse, mae. Nor"):
        regression(metrics=metrics, metric="rmsee")
    assert regression(metrics=metrics, metric="mae").is_negated


@pytest.mark.parametrize("name", ["data", "callbacks", "split_by"])
def test_what_a_function_returns_is_no_function(name):
    with pytest.raises(
        ValueError, match=f"`{name}` of task 'blobs' must be a function"
    ):
        tiny_task(**{name: (1, 2)})


# --- models ---


def test_what_the_model_does_not_read_is_refused():
    task = tiny_task(model=WithState())
    space = SearchSpace(
        (Axis("unit", (3,)), Axis("weight_decay", (0.1,)), Axis("learning_rate", (1,)))
    )
    study = tiny_study(Plan({"lion": space}, epochs=1, seeds=1), task)
    with pytest.raises(ValueError, match=r"names unit, .* It reads: units"):
        Trainer(task).run(only_run(study))


def test_a_model_of_one_shape_takes_no_hyperparameters():
    study = tiny_study(width_plan())
    with pytest.raises(ValueError, match="task's model is a function without"):
        Trainer(tiny_task()).run(only_run(study, extra=(("units", 4),)))


def test_a_built_model_is_refused():
    with pytest.raises(ValueError, match="must be a function that returns"):
        tiny_task(model=keras.Sequential([keras.layers.Dense(3)]))


def test_a_column_is_no_name_for_a_hyperparameter():
    space = SearchSpace((Axis("seed", (3,)), Axis("learning_rate", (1,))))
    study = tiny_study(Plan({"lion": space}, epochs=1, seeds=1))
    with pytest.raises(ValueError, match="name of a record's column. Received: seed"):
        study.runs("blobs", "smoke", "jax")


# --- data ---


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return -(-len(self.x) // 50)

    def __getitem__(self, k):
        return self.x[k * 50 : k * 50 + 50], self.y[k * 50 : k * 50 + 50]


def test_data_as_fit_takes_them():
    tf = pytest.importorskip("tensorflow")
    flat = blobs()
    dataset = tf.data.Dataset.from_tensor_slices((flat.x, flat.y))
    task = tiny_task(
        data=lambda: (dataset.batch(32), Batches(flat.x_test, flat.y_test))
    )
    assert task.load().fingerprint() == flat.fingerprint()
    with pytest.raises(ValueError, match=r"call `.batch\(...\)` first"):
        as_part(dataset)
    with pytest.raises(ValueError, match="never ends"):
        as_part(dataset.repeat())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "Received: int"),
        (iter([]), "is empty"),
        (iter([(1, 2, 3, 4)]), "sample weights. Received .* tuple of length 4"),
        (iter([({"a": 1}, np.ones(3))]), r"shapes \(\) and \(3,\)"),
        (iter([(np.ones((3, 2)), np.ones(2))]), r"shapes \(3, 2\) and \(2,\)"),
    ],
)
def test_data_that_cannot_be_read(data, message):
    with pytest.raises(ValueError, match=message):
        as_part(data)


def test_text_labels_are_refused():
    with pytest.raises(ValueError, match="Labels in the pool must be numbers"):
        Data(np.ones((2, 1)), np.array(["a", "b"]), np.ones((2, 1)), np.ones(2))


# --- callbacks ---


class Told(keras.callbacks.Callback):
    calls: list = []  # noqa: RUF012

    def on_train_begin(self, logs=None):
        self.calls.append(("begin", self.norm()))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append((epoch, self.norm(), logs))
        self.model.stop_training = epoch == 1

    def on_train_end(self, logs=None):
        self.calls.append(("end", self.norm()))

    def norm(self):
        return float(keras.ops.sum(abs(self.model.trainable_variables[0].value)))


def test_callbacks_are_told_and_heard():
    Told.calls = []
    task = tiny_task(callbacks=lambda: [Told()])
    plan = tiny_plan((1e-2,), (0.1,), optimizers=("lion",), seeds=1, epochs=4)
    runs = tiny_study(plan, task).runs("blobs", "smoke", keras.backend.backend())
    (record,) = Executor(Trainer(task), "vmap", 4).run(runs)
    assert record["executor"] == "loop"
    assert record["history"]["epoch"] == [1, 2]  # stopped
    assert [call[0] for call in Told.calls] == ["begin", 0, 1, "end"]
    norms = [call[1] for call in Told.calls]
    assert len(set(norms)) == 3
    assert norms[2] == norms[3]
    assert Told.calls[2][2] == {
        "accuracy": Told.calls[2][2]["accuracy"],
        "loss": record["final_train_loss"],
        "val_loss": record["final_loss"],
        "val_accuracy": record["score"],
    }


def test_callbacks_that_set_the_learning_rate_are_refused():
    task = tiny_task(callbacks=lambda: [keras.callbacks.ReduceLROnPlateau()])
    run = only_run(
        tiny_study(task=task),
        optimizer="lion",
        seed=0,
        learning_rate=1e-2,
        weight_decay=0.1,
    )
    with pytest.raises(ValueError, match="ReduceLROnPlateau cannot be used"):
        Trainer(task).run(run)


# --- budgets ---


def test_a_budget_in_steps():
    plan = tiny_plan(
        (1e-2,), (0.1,), optimizers=("lion",), epochs=None, steps=30, evaluate_every=10
    )
    record = Trainer(tiny_task()).run(only_run(tiny_study(plan), seed=0))
    assert (record["steps"], record["epochs"]) == (30, 2.5)  # of 12 steps each
    assert record["history"]["epoch"] == [10 / 12, 20 / 12, 2.5]
    with pytest.raises(ValueError, match="either in epochs or in steps"):
        tiny_plan(steps=30)
    with pytest.raises(ValueError, match="must divide `steps`"):
        tiny_plan(epochs=None, steps=30, evaluate_every=7)


def test_batch_sizes_are_an_axis():
    space = SearchSpace(
        (Axis("batch_size", (8, 32)), Axis("learning_rate", (1e-2,))), BETAS["lion"]
    )
    study = tiny_study(Plan({"lion": (space, space)}, epochs=1, seeds=1))
    runs = study.runs("blobs", "smoke", keras.backend.backend())
    assert sorted(run.batch_size for run in runs) == [8, 32]  # each once
    records = Executor(Trainer(tiny_task()), "map", 2).run(runs)
    assert sorted(r["steps"] for r in records) == [6, 24]
