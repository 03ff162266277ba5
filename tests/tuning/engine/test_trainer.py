"""The sweep engine: equal to plain Keras training, repeatable, and compiled once."""

import json
import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.tuning import Data
from keras_lion.tuning.engine.evaluation import Evaluation
from keras_lion.tuning.engine.keras_rules import check_optimizers
from keras_lion.tuning.engine.program import EVALUATION_BATCH
from keras_lion.tuning.engine.rules import RULES, hyperparameter_vector
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.engine.training import TrainingProgram
from keras_lion.tuning.runs.files import strict_json
from keras_lion.tuning.study import Schedule
from keras_lion.tuning.study.seeds import data_order, run_seeds
from tests.arrays import array
from tests.tuning.tiny import (
    BETAS,
    blobs,
    network,
    only_run,
    record_of,
    tiny_plan,
    tiny_study,
    tiny_task,
)

FIRST = {"learning_rate": 1e-2, "weight_decay": 0.1, "seed": 0}
KERAS_CLASSES = {"adamw": keras.optimizers.AdamW, "lion": Lion}


@pytest.fixture(scope="module")
def trainer():
    return Trainer(tiny_task())


def training(trainer, optimizer):
    return TrainingProgram(trainer.program, RULES[optimizer])


def train_with_keras(trainer, optimizer, model_seed, order, rates, weight_decay):
    """Weights and mean loss of the same training by a compiled Keras model."""
    keras.utils.set_random_seed(model_seed)
    model = network()
    made = KERAS_CLASSES[optimizer](weight_decay=weight_decay, **BETAS[optimizer])
    made.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    model.compile(made, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = []
    for indices, rate in zip(order, rates, strict=True):
        made.learning_rate = float(rate)
        x, y = trainer.data.x[indices], trainer.data.y[indices]
        losses.append(float(model.loss(y, model(x))))
        model.train_on_batch(x, y)
    return [array(v) for v in model.trainable_variables], np.mean(losses)


@pytest.mark.parametrize(
    ("optimizer", "peak", "steps"), [("lion", 1e-3, 30), ("adamw", 1e-3, 100)]
)
def test_equals_keras(trainer, optimizer, peak, steps):
    train = np.arange(192, dtype=np.int32)
    order = data_order(np.random.SeedSequence(3), train, 9, 16)[:steps]
    rates = (peak * Schedule(warmup=0.1).factors(steps)).astype("float32")
    program = training(trainer, optimizer)
    state, mean_loss = program.train(
        program.start(17),
        order,
        rates,
        hyperparameter_vector(0.5, *BETAS[optimizer].values()),
    )
    weights, loss = train_with_keras(trainer, optimizer, 17, order, rates, 0.5)
    for one, other in zip(state.weights, weights, strict=True):
        np.testing.assert_allclose(array(one), other, rtol=0, atol=1e-5)
    assert mean_loss == pytest.approx(loss, rel=1e-5)
    # The decay matters here: without it the weights end elsewhere.
    plain, _ = train_with_keras(trainer, optimizer, 17, order, rates, 0.0)
    assert np.abs(plain[0] - weights[0]).max() > 1e-3


@pytest.mark.parametrize("optimizer", sorted(RULES))
def test_training_in_pieces_is_training_at_once(trainer, optimizer):
    order = data_order(np.random.SeedSequence(3), np.arange(192), 2, 16)
    rates = np.full(len(order), 1e-3, dtype="float32")
    vector = hyperparameter_vector(0.1, 0.9, 0.99)
    program = training(trainer, optimizer)
    whole, loss = program.train(program.start(0), order, rates, vector)
    state, losses = program.start(0), []
    for part in (slice(0, 12), slice(12, 24)):
        state, some = program.train(state, order[part], rates[part], vector)
        losses.append(some)
    assert state.steps == whole.steps == 24
    for one, other in zip(state.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(array(one), array(other))
    assert loss == pytest.approx(np.mean(losses), rel=1e-6)


def test_a_run_is_wired_from_its_specification(trainer):
    """The record of a run, from its parts put together by hand."""
    plan = tiny_plan((1e-2,), (0.3,), optimizers=("lion",), seeds=3, epochs=6)
    study = tiny_study(plan)
    spec = only_run(study, seed=2)
    record = trainer.run(spec, test=True)

    seeds = run_seeds("tiny", "blobs", 2)
    split = trainer.task.split(trainer.data, np.random.default_rng(seeds.split))
    order = data_order(seeds.order, split.train, 6, 16)
    factors = Schedule().factors(72)
    keras.utils.set_random_seed(seeds.model_seed)
    model = network()
    optimizer = Lion(weight_decay=0.3, **BETAS["lion"])
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    data = trainer.data
    held_out = data.x[split.validation], data.y[split.validation]
    initial_loss, _ = model.evaluate(*held_out, verbose=0)
    for indices, factor in zip(order, factors, strict=True):
        optimizer.learning_rate = float(1e-2 * factor)
        model.train_on_batch(data.x[indices], data.y[indices])
    final_loss, accuracy = model.evaluate(*held_out, verbose=0)
    _, test_accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)

    assert record["initial_loss"] == pytest.approx(initial_loss, rel=1e-5)
    assert record["final_loss"] == pytest.approx(final_loss, rel=1e-4)
    assert record["score"] == pytest.approx(accuracy, abs=1e-6)
    assert record["test_score"] == pytest.approx(test_accuracy, abs=1e-6)
    assert record["status"] == "ok"
    assert record["reason"] is None
    assert (record["steps"], record["train_examples"]) == (72, 192)
    assert record["sum_learning_rate"] == pytest.approx(1e-2 * factors.sum())
    assert record["kappa"] == pytest.approx(0.3 * 1e-2 * factors.sum())
    counts = np.bincount(data.y[split.validation])
    assert record["floor"] == counts.max() / counts.sum()
    assert record["history"]["epoch"] == [1, 2, 3, 4, 5, 6]
    assert record["history"]["loss"][-1] == record["final_loss"]
    assert record["history"]["accuracy"][-1] == record["score"]
    json.dumps(record, allow_nan=False)


def test_weight_decay_spares_tensors_of_less_than_two_dimensions():
    weights = [ops.ones((2, 2)), ops.ones((2,)), ops.ones(()), ops.ones((1, 2, 3))]
    for rule in RULES.values():
        updated, _ = rule.apply(
            weights,
            rule.initial_slots(weights),
            [ops.zeros_like(weight) for weight in weights],
            step=ops.convert_to_tensor(1.0),
            learning_rate=ops.convert_to_tensor(0.1),
            hyperparameters=ops.convert_to_tensor(
                hyperparameter_vector(2.0, 0.9, 0.99)
            ),
        )
        np.testing.assert_allclose(
            [float(np.mean(array(weight))) for weight in updated],
            [0.8, 1, 1, 0.8],
            rtol=1e-6,
        )


def test_complements_of_the_betas_are_taken_before_the_cast():
    vector = hyperparameter_vector(0.1, 0.9, 0.999)
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(
        vector, np.float32([0.1, 0.9, 0.999, 1 - 0.9, 1 - 0.999])
    )
    assert vector[4] != np.float32(1) - np.float32(0.999)


def test_an_unknown_optimizer_names_the_known():
    with pytest.raises(ValueError, match=r"'adamv'\. Known: adafactor, adam, .*mine"):
        check_optimizers(["lion", "mine", "adamv"], {"mine": keras.optimizers.SGD})


# --- one program for all runs ---


def counting_task():
    """A task whose model counts how often it is called by Python."""
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, inputs):
            calls.append(1)
            return inputs

    def model():
        return keras.Sequential(
            [keras.layers.Input((4,)), Counted(), keras.layers.Dense(3)]
        )

    return tiny_task(model=model), calls


@pytest.mark.parametrize("optimizer", sorted(RULES))
def test_hyperparameters_are_inputs_of_one_program(optimizer):
    task, calls = counting_task()
    trainer = Trainer(task)
    space = tiny_plan((1e-3, 1e-2), (0.0, 0.3), optimizers=(optimizer,), seeds=2)
    study = tiny_study(space, task)
    runs = study.runs("blobs", "smoke", keras.backend.backend())
    for seed in (0, 1):  # building the models calls their layers, too
        trainer.run(next(run for run in runs if run.seed == seed))
    before = len(calls)
    losses = [trainer.run(run)["final_loss"] for run in runs]
    assert len(calls) == before
    assert len(set(losses)) == len(runs) == 8


@pytest.mark.parametrize("optimizer", sorted(RULES))
def test_every_hyperparameter_changes_the_result(trainer, optimizer):
    program = training(trainer, optimizer)
    order = data_order(np.random.SeedSequence(3), np.arange(192), 2, 16)

    def weights(rate=1e-2, decay=0.1, beta_1=0.9, beta_2=0.99, seed=0):
        rates = np.full(len(order), rate, dtype="float32")
        vector = hyperparameter_vector(decay, beta_1, beta_2)
        state, _ = program.train(program.start(seed), order, rates, vector)
        return np.concatenate([array(w).ravel() for w in state.weights])

    base = weights()
    for change in (
        {"rate": 2e-2},
        {"decay": 0.2},
        {"beta_1": 0.5},
        {"beta_2": 0.8},
        {"seed": 1},
    ):
        if optimizer == "signum" and "beta_2" in change:
            continue  # has one beta
        assert np.abs(weights(**change) - base).max() > 1e-4, change
    np.testing.assert_array_equal(weights(), base)


def test_a_run_is_bitwise_repeatable_whatever_came_before():
    plan = tiny_plan(epochs=2, seeds=2)
    study = tiny_study(plan)
    first = Trainer(study.task("blobs"))
    runs = study.runs("blobs", "smoke", keras.backend.backend())
    records = {run.key: first.run(run) for run in runs}
    second = Trainer(study.task("blobs"))
    keras.utils.set_random_seed(99)
    for run in reversed(runs):
        record, other = second.run(run), records[run.key]
        assert {**record, "seconds": 0} == {**other, "seconds": 0}


def test_optimizers_are_paired(trainer):
    study = tiny_study()
    columns = {"learning_rate": 1e-2, "weight_decay": 0.1}
    one, other, apart = (
        record_of(study, trainer, optimizer=name, seed=seed, **columns)
        for name, seed in (("lion", 0), ("adamw", 0), ("lion", 1))
    )
    assert one["initial_loss"] == other["initial_loss"] != apart["initial_loss"]
    assert one["final_loss"] != other["final_loss"]


def test_layers_with_state_and_randomness_are_repeatable():
    def model():  # as the documentation of `Task`: without an Input
        return keras.Sequential(
            [
                keras.layers.Flatten(),
                keras.layers.Dense(8, activation="relu"),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(0.5),
                keras.layers.Dense(3),
            ]
        )

    def data():
        flat = blobs()
        return (flat.x[:, None], flat.y), (flat.x_test[:, None], flat.y_test)

    study = tiny_study(
        tiny_plan((1e-2,), (0.1,), optimizers=("lion",)),
        tiny_task(data=data, model=model),
    )
    trainer = Trainer(study.task("blobs"))
    one = record_of(study, trainer, seed=0)
    record_of(study, trainer, seed=1)
    assert one == record_of(study, trainer, seed=0)
    assert one["status"] == "ok"

    # Dropout draws anew at every step, and the moving averages move.
    program = training(trainer, "lion")
    start = program.start(0)
    order = np.tile(np.arange(16, dtype=np.int32), (2, 1))
    still = np.zeros(2, dtype="float32")
    vector = hyperparameter_vector(0.0, 0.9, 0.99)
    state, _ = program.train(start, order, still, vector)
    changed = [
        (array(a) != array(b)).any()
        for a, b in zip(start.others, state.others, strict=True)
    ]
    assert sum(changed) >= 3  # moving mean, moving variance, the seed of Dropout


# --- evaluation ---


@pytest.mark.parametrize("size", [1, 7, 999, 1000, 1001, 2300])
def test_evaluation_is_the_mean_over_the_examples(size):
    trainer = Trainer(tiny_task(data=lambda: blobs(2400, 30)))
    weights, others = trainer.program.initial_weights(3)
    indices = np.random.default_rng(size).permutation(2400)[:size].astype(np.int32)
    found = trainer.program.evaluate(weights, others, indices)

    hidden, bias, output, offset = map(array, weights)
    x, y = trainer.data.x[indices].astype(float), trainer.data.y[indices]
    logits = np.tanh(x @ hidden + bias) @ output + offset
    log_softmax = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    loss = -log_softmax[np.arange(size), y].mean()
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert found.accuracy == pytest.approx((logits.argmax(-1) == y).mean(), abs=1e-6)
    assert found.finite
    assert EVALUATION_BATCH == 1000


def test_examples_that_only_pad_do_not_count():
    # The first example is nowhere asked for, and its loss is not finite.
    data = blobs()
    x = data.x.copy()
    x[0] = 1e38
    poisoned = Data(x, data.y, data.x_test, data.y_test)

    def model():
        return keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])

    trainer = Trainer(tiny_task(data=lambda: poisoned, model=model))
    weights, others = trainer.program.initial_weights(0)
    program = trainer.program
    many = program.evaluate(weights, others, np.resize(np.arange(1, 240), 1500))
    assert math.isfinite(many.loss)


def test_the_test_set_is_evaluated_when_no_indices_are_given(trainer):
    weights, others = trainer.program.initial_weights(0)
    data = trainer.data
    other = Trainer(
        tiny_task(data=lambda: Data(data.x_test, data.y_test, data.x, data.y))
    )
    on_test = trainer.program.evaluate(weights, others, None)
    on_pool = other.program.evaluate(
        weights, others, np.arange(len(data.x_test), dtype=np.int32)
    )
    assert on_test == on_pool


def test_a_weight_that_is_not_finite_is_seen(trainer):
    weights, others = trainer.program.initial_weights(0)
    for value in (np.nan, np.inf):
        broken = [array(w).copy() for w in weights]
        broken[-1][0] = value
        indices = np.arange(10, dtype=np.int32)
        assert not trainer.program.evaluate(broken, others, indices).finite


# --- outcomes ---


def refuse_constants(name):
    raise AssertionError(name)


def test_a_forced_nan_is_a_diverged_run_with_finite_json():
    study = tiny_study(tiny_plan((1e38,), (0.1,), seeds=1, epochs=3))
    for optimizer in ("adamw", "lion"):
        record = record_of(study, optimizer=optimizer)
        assert record["status"] == "diverged"
        assert "not finite" in record["reason"]
        assert record["score"] == record["floor"]
        assert record["history"]["epoch"] == [1]  # nothing more is to be learned
        text = json.dumps(strict_json(record), allow_nan=False)
        json.loads(text, parse_constant=refuse_constants)


@pytest.mark.parametrize("optimizer", sorted(RULES))
def test_a_learning_rate_of_ten_diverges(optimizer, trainer):
    plan = tiny_plan((10.0,), (1.0,), optimizers=(optimizer,), epochs=10, seeds=1)
    record = record_of(tiny_study(plan), trainer)
    assert record["status"] == "diverged"
    assert record["reason"]
    assert record["score"] == record["floor"] <= 0.6
    assert record["test_score"] is None


def test_scores_of_a_loss_are_negated_and_have_the_initial_loss_as_floor():
    task = tiny_task(metric="loss")
    record = record_of(tiny_study(task=task), optimizer="lion", **FIRST)
    assert record["score"] == -record["final_loss"] > record["floor"]
    assert record["floor"] == -record["initial_loss"]


@pytest.mark.parametrize(("target", "reached"), [(0.5, True), (1.0, False)])
def test_steps_to_a_target(target, reached):
    task = tiny_task(metric="steps_to_target", target=target)
    study = tiny_study(tiny_plan(epochs=4, optimizers=("lion",)), task)
    record = record_of(study, **FIRST)
    assert record["status"] == "ok"
    accuracies = record["history"]["accuracy"]
    if reached:
        epoch = next(k for k, a in enumerate(accuracies, 1) if a >= target)
        assert epoch < 4
        assert record["score"] == -math.log10(epoch * 12)
    else:
        assert max(accuracies) < 1
        assert record["score"] == record["floor"] == -math.log10(48)


def test_best_epoch_and_sparse_evaluation(trainer):
    plan = tiny_plan(epochs=6, evaluate_every=2, optimizers=("lion",))
    record = record_of(tiny_study(plan), trainer, **FIRST)
    history = record["history"]
    assert history["epoch"] == [2, 4, 6]
    best = max(history["accuracy"])
    assert record["best_score"] == best
    assert record["best_epoch"] == history["epoch"][history["accuracy"].index(best)]
    assert record["score"] == history["accuracy"][-1]


def test_the_score_is_that_of_the_last_epoch(trainer, monkeypatch):
    accuracies = iter([0.7, 0.9, 0.8])
    monkeypatch.setattr(
        trainer.program,
        "evaluate",
        lambda *_: Evaluation(loss=0.5, accuracy=next(accuracies), finite=True),
    )
    initial = Evaluation(loss=1.0, accuracy=0.3, finite=True)
    monkeypatch.setattr(trainer, "_initial", {("tiny", 0, ()): initial})
    plan = tiny_plan(epochs=3, optimizers=("lion",))
    record = record_of(tiny_study(plan), trainer, **FIRST)
    assert (record["score"], record["best_score"], record["best_epoch"]) == (
        0.8,
        0.9,
        2,
    )


def test_a_training_loss_that_is_not_finite_diverges(trainer, monkeypatch):
    program = trainer.training(only_run(tiny_study(), optimizer="lion", **FIRST))
    train = program.train
    monkeypatch.setattr(program, "train", lambda *a: (train(*a)[0], math.inf))
    record = record_of(tiny_study(), trainer, optimizer="lion", **FIRST)
    assert record["status"] == "diverged"
    assert math.isfinite(record["final_loss"])


def test_looking_at_the_test_set_changes_nothing_else(trainer):
    spec = only_run(tiny_study(), optimizer="lion", **FIRST)
    without, looked = trainer.run(spec), trainer.run(spec, test=True)
    assert without["test_score"] is None
    assert 0 < looked["test_score"] <= 1
    for record in (without, looked):
        del record["test_score"], record["seconds"]
    assert without == looked


def test_one_step_at_a_time_is_the_same_training(trainer, monkeypatch):
    """Where convolutions run on the CPU of JAX, every step is a call of its own."""
    order = data_order(np.random.SeedSequence(3), np.arange(192), 1, 16)
    rates = np.linspace(1e-3, 2e-3, len(order)).astype("float32")
    vector = hyperparameter_vector(0.1, 0.9, 0.999)
    results = []
    for unit in ("epoch", "step"):
        monkeypatch.setattr(trainer.program, "unit", unit)
        program = TrainingProgram(trainer.program, RULES["adamw"])
        state, loss = program.train(program.start(0), order, rates, vector)
        results.append([*map(array, state.weights), loss])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
