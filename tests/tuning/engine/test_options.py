"""Options of the optimizers as axes and fixed values of a study."""

from __future__ import annotations

import dataclasses
import inspect

import keras
import numpy as np
import pytest

from keras_lion import Lion
from keras_lion.tuning import Axis, SearchSpace, load_runs, run_study
from keras_lion.tuning.engine.executors import Executor
from keras_lion.tuning.engine.rules import RULES
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.study import Plan
from tests.arrays import array
from tests.tuning.tiny import BETAS, network, only_run, tiny_study, tiny_task

RATE, DECAY, EPOCHS = 3e-3, 3.0, 3
KERAS_CLASSES = {"adamw": keras.optimizers.AdamW, "lion": Lion}


def plan(optimizer="lion", axes=(), rate=RATE, decay=DECAY, **fixed):
    usual = {"learning_rate": rate, "weight_decay": decay, **BETAS[optimizer]}
    space = SearchSpace(tuple(axes), {**usual, **fixed})
    return Plan({optimizer: space}, epochs=EPOCHS, seeds=1)


@pytest.fixture(scope="module")
def trainer():
    return Trainer(tiny_task())


def engine_weights(trainer, spec):
    run = trainer._prepare(spec)
    training = trainer.training(spec)
    start = training.start(run.seeds.model_seed)
    state, _ = training.train(start, run.order, run.rates, run.hyperparameters)
    return [array(weight) for weight in state.weights]


def keras_weights(trainer, spec, **arguments):
    """The weights after the same steps of a compiled model."""
    run = trainer._prepare(spec)
    keras.utils.set_random_seed(run.seeds.model_seed)
    model = network()
    optimizer = KERAS_CLASSES[spec.optimizer](**arguments, **BETAS[spec.optimizer])
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss)
    for indices, rate in zip(run.order, run.rates, strict=True):
        optimizer.learning_rate = float(rate)
        model.train_on_batch(trainer.data.x[indices], trainer.data.y[indices])
    return [array(variable) for variable in model.trainable_variables]


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ({"cautious": True}, {"cautious": True}),
        ({"cautious_weight_decay": 1}, {"cautious_weight_decay": True}),
        (
            {"weight_decay_coupling": "schedule"},
            {"weight_decay_coupling": "schedule", "peak_learning_rate": RATE},
        ),
    ],
    ids=lambda values: next(iter(values)),
)
def test_the_engine_is_keras_lion_with_the_option(trainer, option, arguments):
    # Coupled to the schedule alone, decay is not scaled down by the learning rate.
    decay = DECAY * RATE if "weight_decay_coupling" in option else DECAY
    spec = only_run(tiny_study(plan(decay=decay, **option)))
    found = engine_weights(trainer, spec)
    expected = keras_weights(trainer, spec, weight_decay=decay, **arguments)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    without = keras_weights(trainer, spec, weight_decay=decay)
    assert np.abs(found[0] - without[0]).max() > 1e-3


def test_adamw_has_the_coupling_too(trainer):
    option = {"weight_decay_coupling": "schedule"}
    spec = only_run(tiny_study(plan("adamw", decay=0.02, **option)))
    expected = keras_weights(trainer, spec, weight_decay=0.02 / RATE)
    for one, other in zip(engine_weights(trainer, spec), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_defaults_written_out_change_only_the_key(trainer):
    defaults = {"cautious": False, "weight_decay_coupling": "learning_rate"}
    plain = only_run(tiny_study(plan()))
    spelled = only_run(tiny_study(plan(**defaults)))
    for one, other in zip(
        engine_weights(trainer, plain), engine_weights(trainer, spelled), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert plain.key != spelled.key


def test_kappa_counts_the_decay_that_is_applied(trainer):
    spec = only_run(tiny_study(plan(weight_decay_coupling="schedule")))
    record = trainer.run(spec)
    expected = DECAY / RATE * record["sum_learning_rate"]
    assert record["kappa"] == pytest.approx(expected)


def test_axes_of_options_become_columns(tmp_path):
    axes = (
        Axis("cautious_weight_decay", (False, True)),
        Axis("weight_decay_coupling", ("schedule", "learning_rate")),
    )
    study = tiny_study(plan(axes=axes, decay=0.01))
    for executor, population in (("loop", 1), ("vmap", 4)):
        folder = tmp_path / executor
        run_study(
            study,
            preset="smoke",
            output=folder,
            executor=executor,
            population=population,
        )
    loop, together = (load_runs(tmp_path / name) for name in ("loop", "vmap"))
    columns = [axis.name for axis in axes]
    found = set(loop[columns].itertuples(index=False, name=None))
    assert found == {(k, name) for k in (0, 1) for name in axes[1].values}
    assert loop["final_loss"].nunique() == 4
    both = loop.set_index("key")["final_loss"], together.set_index("key")["final_loss"]
    np.testing.assert_allclose(*(b.sort_index() for b in both), rtol=1e-3)


def test_runs_with_different_options_do_not_share_a_program(trainer):
    axis = Axis("cautious", (0, 1))
    plain, cautious = tiny_study(plan(axes=(axis,))).runs(
        "blobs", "smoke", keras.backend.backend()
    )
    assert trainer.shape(plain) != trainer.shape(cautious)
    records = Executor(trainer, "map", 2).run([plain, cautious])
    assert records[0]["final_loss"] != records[1]["final_loss"]


def test_options_of_an_optimizer_of_ones_own():
    def own(beta_1, cautious):
        return Lion(beta_1=beta_1, beta_2=0.99, cautious=bool(cautious))

    study = dataclasses.replace(tiny_study(plan(cautious=1)), optimizers={"lion": own})
    mine = Trainer(tiny_task(), study.optimizers)
    record = mine.run(only_run(study))
    rule = Trainer(tiny_task()).run(only_run(study))
    assert record["final_loss"] == pytest.approx(rule["final_loss"], rel=1e-4)
    assert record["cautious"] == 1


@pytest.mark.parametrize(
    ("optimizer", "wrong", "message"),
    [
        ("lion", {"cautious": 0.5}, "`cautious` must be True or False"),
        (
            "lion",
            {"weight_decay_coupling": "peak"},
            "must be one of learning_rate",
        ),
        ("lion", {"careful": 1}, "names careful, which is no option of the optimizer"),
        ("adamw", {"cautious": 1}, "names cautious, which is no option of the optimi"),
    ],
)
def test_what_no_optimizer_takes_is_refused_before_a_run(
    tmp_path, optimizer, wrong, message
):
    with pytest.raises(ValueError, match=message):
        run_study(tiny_study(plan(optimizer, **wrong)), preset="smoke", output=tmp_path)
    assert not list(tmp_path.glob("runs-*.jsonl"))


def test_options_of_the_update_are_options_of_lion():
    """So that `fit` sweeps what the engine does."""
    missing = set(RULES["lion"].options) - set(inspect.signature(Lion).parameters)
    assert not missing, "add them to optimizers/lion.py and tests/.../test_accumulation"


def test_options_that_are_no_numbers_are_named():
    with pytest.raises(ValueError, match="`epsilon` must be a number. Received: 'a'"):
        RULES["adamw"].with_options({"epsilon": "a"})
