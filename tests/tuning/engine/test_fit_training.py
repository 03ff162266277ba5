"""What `fit` leaves: optimizers, callbacks and splits of one's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_lion import Lion
from keras_lion.tuning import Axis, Data, SearchSpace, Study
from keras_lion.tuning.engine.executors import (
    Executor,
    ExecutorWarning,
    choose_executor,
)
from keras_lion.tuning.engine.keras_rules import KERAS_OPTIMIZERS, read_betas
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.schedule import Schedule
from tests.tuning.tiny import blobs, network, tiny_plan, tiny_study, tiny_task

RATE, DECAY, EPOCHS = 1e-2, 0.1, 2
CONSTANT = Schedule(warmup=0.0, decay="constant")
BETAS = {"beta_1": 0.9, "beta_2": 0.99}
NATS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def weighted():
    """A task that only `fit` can train."""
    return tiny_task(class_weight={0: 0.5, 1: 1.0, 2: 2.0})


def study_of(task, optimizers, names=("own",), epochs=EPOCHS):
    def space(name):
        betas = {beta: BETAS[beta] for beta in read_betas(name, optimizers)}
        fixed = {**betas, "weight_decay": DECAY}
        return SearchSpace((Axis("learning_rate", (RATE,)),), fixed)

    spaces = {name: space(name) for name in names}
    plan = Plan(spaces, epochs=epochs, seeds=1, schedule=CONSTANT)
    return Study(
        "s",
        "?",
        {task.name: {"smoke": plan}},
        Comparison("c", {task.name: 0.05}),
        tasks={task.name: task},
        optimizers=optimizers,
    )


def trained(task, make=None, name="own", epochs=EPOCHS):
    """The trainer, the specification and the record of one run."""
    study = study_of(task, {name: make} if make else {}, (name,), epochs)
    (spec,) = study.runs(task.name, "smoke", keras.backend.backend())
    trainer = Trainer(task, study.optimizers)
    trainer.check([spec])
    return trainer, spec, trainer.run(spec, test=True)


def fitted(trainer, spec, optimizer):
    """The model after `fit`, and its history, from the same weights and batches."""
    run = trainer._prepare(spec)
    keras.utils.set_random_seed(run.seeds.model_seed)
    model = network()
    vectors = [v for v in model.trainable_variables if len(v.shape) < 2]
    optimizer.exclude_from_weight_decay(var_list=vectors)
    model.compile(optimizer, NATS, metrics=["accuracy"])
    data, held_out = trainer.data, run.split.validation
    parts = iter(np.split(run.order, spec.epochs))

    class Batches(keras.utils.PyDataset):
        rows = next(parts)

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, k):
            return data.x[self.rows[k]], data.y[self.rows[k]]

    batches = Batches()
    turn = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, _: epoch and setattr(batches, "rows", next(parts))
    )
    history = model.fit(
        batches,
        epochs=spec.epochs,
        shuffle=False,
        class_weight=trainer.task.class_weight,
        validation_data=(data.x[held_out], data.y[held_out]),
        validation_batch_size=trainer.task.batch_size,
        callbacks=[turn, *(trainer.task.callbacks or list)()],
        verbose=0,
    ).history
    left = model.evaluate(
        data.x[held_out], data.y[held_out], verbose=0, return_dict=True
    )
    return model, history, left


def same(record, history, left):
    np.testing.assert_allclose(
        record["history"]["train_loss"], history["loss"], atol=1e-4
    )
    np.testing.assert_allclose(
        record["history"]["loss"], history["val_loss"], atol=1e-4
    )
    assert record["final_loss"] == pytest.approx(left["loss"], abs=1e-4)
    if record["status"] == "ok":  # else the score is the floor
        assert record["score"] == pytest.approx(left["accuracy"], abs=1e-6)


OPTIONS = [
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 5},
    {"gradient_accumulation_steps": 2},
    {"loss_scale_factor": 128.0},
    {"clipnorm": 0.1},
    {"global_clipnorm": 0.1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options)))
@pytest.mark.parametrize("kind", [Lion, keras.optimizers.Adam], ids=["Lion", "Adam"])
def test_options_of_an_own_optimizer_are_those_of_fit(kind, options):
    task = weighted() if "clipnorm" in options else tiny_task()
    trainer, spec, record = trained(task, lambda: kind(RATE, **options))
    own = kind(RATE, weight_decay=DECAY, **options)
    _, history, left = fitted(trainer, spec, own)
    same(record, history, left)
    if options.get("use_ema"):  # the averages are what is left, not the last weights
        assert record["final_loss"] != record["history"]["loss"][-1]


@pytest.mark.parametrize("name", ["adamw", "lion", "signum", "sgd_momentum", "muon"])
def test_optimizers_train_as_fit_does(name):
    trainer, spec, record = trained(weighted(), name=name)
    reference = {
        "adamw": lambda: keras.optimizers.AdamW(RATE, DECAY, 0.9, 0.99),
        "lion": lambda: Lion(RATE, 0.9, 0.99, DECAY),
        "signum": lambda: Lion(RATE, 0.9, 0.9, DECAY),
        "sgd_momentum": lambda: keras.optimizers.SGD(
            RATE, momentum=0.9, weight_decay=DECAY
        ),
        "muon": lambda: keras.optimizers.Muon(
            RATE, weight_decay=DECAY, adam_weight_decay=DECAY
        ),
    }[name]()
    _, history, left = fitted(trainer, spec, reference)
    same(record, history, left)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(KERAS_OPTIMIZERS))
def test_both_ways_of_training_agree(name):
    """The engine's program, and `fit` with weights of 1 for every class."""
    fast, _, one = trained(tiny_task(), name=name)
    slow, spec, other = trained(
        tiny_task(class_weight=dict.fromkeys(range(3), 1.0)), name=name
    )
    assert fast.is_fast(spec)
    assert not slow.is_fast(spec)
    np.testing.assert_allclose(
        one["history"]["loss"], other["history"]["loss"], atol=2e-3
    )


def test_runs_of_one_model_do_not_see_each_other():
    task = weighted()
    plan = tiny_plan((1e-3, 1e-2), (0.0, 0.1), optimizers=("adamw", "lion"), seeds=1)
    runs = tiny_study(plan, task).runs("blobs", "smoke", keras.backend.backend())
    trainer = Trainer(task)
    forth = [trainer.run(run)["history"]["loss"] for run in runs]
    back = [trainer.run(run)["history"]["loss"] for run in reversed(runs)]
    assert forth == back[::-1]
    assert len({tuple(losses) for losses in forth}) == len(runs)


def test_a_schedule_of_the_plan_reaches_every_step():
    seen = []

    class Rates(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate))

    task = tiny_task(callbacks=lambda: [Rates()])
    plan = tiny_plan((1e-2,), (0.1,), optimizers=("lion",), seeds=1, epochs=4)
    (run,) = tiny_study(plan, task).runs("blobs", "smoke", keras.backend.backend())
    trainer = Trainer(task)
    trainer.run(run)
    rates = trainer._prepare(run).rates
    each = len(rates) // 4
    np.testing.assert_allclose(seen[:3], rates[each::each][:3], rtol=1e-6)


# --- callbacks ---


def noisy():
    generator = np.random.default_rng(0)
    data = blobs()
    return Data(data.x, generator.integers(3, size=240), data.x_test, data.y_test)


def test_restored_weights_are_what_is_scored():
    def stop():
        return [
            keras.callbacks.EarlyStopping(
                monitor="val_loss", patience=3, restore_best_weights=True
            )
        ]

    task = tiny_task(data=noisy, metric="loss", callbacks=stop)
    _, _, record = trained(task, lambda: Lion(RATE), epochs=20)
    losses = record["history"]["loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4 < 20
    assert record["final_loss"] == pytest.approx(losses[best], rel=1e-6)
    assert record["score"] == pytest.approx(-losses[best], rel=1e-6)
    assert record["best_epoch"] == best + 1
    assert record["steps"] == len(losses) * (record["train_examples"] // 16)
    assert record["sum_learning_rate"] == pytest.approx(RATE * record["steps"])


@pytest.mark.parametrize("whole", [True, False])
def test_model_checkpoint_writes_the_model_of_the_run(tmp_path, whole):
    path = tmp_path / ("m.keras" if whole else "m.weights.h5")
    task = tiny_task(
        callbacks=lambda: [
            keras.callbacks.ModelCheckpoint(str(path), save_weights_only=not whole)
        ]
    )
    trainer, spec, record = trained(task, lambda: keras.optimizers.Adam(RATE))
    if whole:
        model = keras.saving.load_model(path, compile=False)
    else:
        model = network()
        model.load_weights(path)
    held_out = trainer._prepare(spec).split.validation
    model.compile("sgd", NATS)
    loss = model.evaluate(trainer.data.x[held_out], trainer.data.y[held_out], verbose=0)
    assert loss == pytest.approx(record["final_loss"], abs=1e-5)


def test_swapped_averages_are_what_is_scored():
    def swap():
        return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)]

    options = {"use_ema": True, "ema_momentum": 0.8}
    task = tiny_task(callbacks=swap)
    trainer, spec, record = trained(
        task, lambda: keras.optimizers.Adam(RATE, **options)
    )
    own = keras.optimizers.Adam(RATE, weight_decay=DECAY, **options)
    _, history, left = fitted(trainer, spec, own)
    same(record, history, left)


def test_calls_per_batch_are_made():
    counts = []
    task = tiny_task(
        callbacks=lambda: [
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: counts.append(batch)
            )
        ]
    )
    _, _, record = trained(task, lambda: Lion(RATE))
    assert len(counts) == record["steps"]


def test_backups_are_refused():
    task = tiny_task(callbacks=lambda: [keras.callbacks.BackupAndRestore("somewhere")])
    with pytest.raises(ValueError, match="BackupAndRestore cannot be used"):
        trained(task, lambda: Lion(RATE))


# --- which way ---


def test_what_only_fit_does_is_trained_alone():
    task = tiny_task(class_weight={0: 1.0, 1: 1.0, 2: 2.0})
    plan = tiny_plan((1e-3, 1e-2), (0.1,), optimizers=("lion",), seeds=1)
    runs = tiny_study(plan, task).runs("blobs", "smoke", keras.backend.backend())
    records = Executor(Trainer(task), "vmap", 2).run(runs)
    assert [record["executor"] for record in records] == ["loop", "loop"]
    with pytest.warns(ExecutorWarning, match="the model's `fit` trains those of lion"):
        choose_executor(Trainer(task), runs, wanted="vmap")


@pytest.mark.parametrize(
    ("arguments", "fast"),
    [
        ({}, True),
        ({"loss": NATS}, True),
        ({"metrics": ["accuracy"]}, False),
        ({"metrics": [keras.metrics.SparseTopKCategoricalAccuracy(2)]}, True),
        (
            {
                "loss": keras.losses.SparseCategoricalCrossentropy(
                    from_logits=True, ignore_class=-1
                )
            },
            False,
        ),
        ({"callbacks": list}, False),
    ],
)
def test_the_program_of_the_engine_is_used_where_it_is_the_same(arguments, fast):
    task = tiny_task(**arguments)
    study = tiny_study(tiny_plan(optimizers=("lion",), seeds=1), task)
    run = study.runs("blobs", "smoke", keras.backend.backend())[0]
    assert Trainer(task).is_fast(run) == fast


def test_a_penalty_is_part_of_both_losses():
    def model():
        return keras.Sequential(
            [
                keras.layers.Input((4,)),
                keras.layers.Dense(3, kernel_regularizer="l2"),
            ]
        )

    task = tiny_task(model=model)
    study = tiny_study(tiny_plan(optimizers=("lion",), seeds=1), task)
    run = study.runs("blobs", "smoke", keras.backend.backend())[0]
    assert not Trainer(task).is_fast(run)


# --- refusals ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 500}, "A batch of 500 needs as many training examples"),
        ({"metric": "f1"}, "`metric` must be one of"),
        (
            {"metrics": ["acc"], "metric": "f1"},
            "not among its `metrics`, which are: acc. Nor is it one of accuracy, loss",
        ),
        (
            {"data": lambda: Data(blobs().x, blobs().y + 1, blobs().x, blobs().y + 1)},
            "must be from 0 to 2, one per output of its model. Received 1 to 3",
        ),
        (
            {"loss": "binary_crossentropy", "metric": "loss"},
            "must be from 0 to 1 for its loss. Received 0 to 2",
        ),
        (
            {
                "model": lambda: keras.Sequential(
                    [keras.Input((5,)), keras.layers.Dense(3)]
                )
            },
            "cannot be trained by Keras on the task's examples",
        ),
        (
            {
                "metrics": [keras.metrics.AUC(name="m"), keras.metrics.AUC(name="m")],
                "metric": "m",
            },
            "different names. Received 'm' twice",
        ),
        (
            {"metrics": [keras.metrics.MeanSquaredError(name="loss")]},
            "different names. Received 'loss' twice",
        ),
        (
            {"metrics": [keras.losses.mean_squared_error] * 2},
            "different names. Received 'mean_squared_error' twice",
        ),
    ],
)
def test_refusals_come_before_the_first_run(arguments, message):
    def check():
        task = tiny_task(**arguments)
        study = tiny_study(tiny_plan(), task)
        Trainer(task).check(study.runs("blobs", "smoke", keras.backend.backend()))

    with pytest.raises(ValueError, match=message):
        check()
