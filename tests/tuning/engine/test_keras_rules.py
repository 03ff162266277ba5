"""Any Keras optimizer trains in the engine as it does in a plain loop."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_lion import Lion
from keras_lion.tuning.engine.keras_rules import KERAS_OPTIMIZERS, KerasRule, get_rule
from keras_lion.tuning.engine.rules import hyperparameter_vector
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.engine.training import TrainingProgram
from tests.arrays import array
from tests.tuning.tiny import network, only_run, tiny_plan, tiny_study, tiny_task

STEPS = 8
BETAS = {"beta_1": 0.9, "beta_2": 0.95}
K = keras.optimizers
# The same optimizers, written out a second time.
MAKERS = {
    "adafactor": lambda **decay: K.Adafactor(**decay),
    "adam": lambda **decay: K.Adam(beta_2=0.95, **decay),
    "lamb": lambda **decay: K.Lamb(beta_2=0.95, **decay),
    "muon": lambda weight_decay: K.Muon(
        weight_decay=weight_decay, adam_weight_decay=weight_decay
    ),
    "nadam": lambda **decay: K.Nadam(beta_2=0.95, **decay),
    "rmsprop": lambda **decay: K.RMSprop(**decay),
    "schedule_free_adamw": lambda **decay: K.ScheduleFreeAdamW(beta_2=0.95, **decay),
    "sgd": lambda **decay: K.SGD(**decay),
    "sgd_momentum": lambda **decay: K.SGD(momentum=0.9, **decay),
}


def test_every_name_is_tried():
    assert set(MAKERS) == set(KERAS_OPTIMIZERS)


@pytest.fixture(scope="module")
def trainer():
    return Trainer(tiny_task())


def train_with_keras(trainer, optimizer, order, rates):
    """Plain `train_on_batch`; Keras decays, and matrices only."""
    keras.utils.set_random_seed(17)
    model = network()
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Within the first `train_on_batch`, ScheduleFreeAdamW would be built wrongly on
    # TensorFlow: its copy of the weights stays zero.
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, loss)
    for indices, rate in zip(order, rates, strict=True):
        optimizer.learning_rate = float(rate)
        model.train_on_batch(trainer.data.x[indices], trainer.data.y[indices])
    return [array(v) for v in model.trainable_variables]


def train_with_engine(trainer, rule, order, rates, weight_decay):
    program = TrainingProgram(trainer.program, rule)
    vector = hyperparameter_vector(weight_decay, None, None)
    states = [program.train(program.start(17), order, rates, vector)[0] for _ in "ab"]
    one, other = ([array(w) for w in state.weights] for state in states)
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)  # a run starts anew
    return one


def batches():
    order = np.random.default_rng(0).integers(0, 200, (STEPS, 16)).astype("int32")
    return order, np.linspace(1e-3, 3e-3, STEPS).astype("float32")


# Compiling is slow on TensorFlow: there, one of each kind.
NAMES = sorted(KERAS_OPTIMIZERS)
if keras.backend.backend() == "tensorflow":
    NAMES = ["adafactor", "muon", "schedule_free_adamw", "sgd_momentum"]


@pytest.mark.parametrize("name", NAMES)
def test_equals_plain_training(trainer, name):
    expected = train_with_keras(trainer, MAKERS[name](weight_decay=2.0), *batches())
    rule = get_rule(name, BETAS, trainer.program, {})
    weights = train_with_engine(trainer, rule, *batches(), 2.0)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-5)
    without = train_with_engine(trainer, rule, *batches(), 0.0)
    assert np.abs(without[0] - weights[0]).max() > 1e-3


def test_an_optimizer_of_ones_own(trainer):
    own = {"mine": lambda beta_1: Lion(beta_1=beta_1, beta_2=0.95)}
    rule = get_rule("mine", {"beta_1": 0.8, "beta_2": 0.5}, trainer.program, own)
    weights = train_with_engine(trainer, rule, *batches(), 1.0)
    other = Lion(beta_1=0.8, beta_2=0.95, weight_decay=1.0)
    for one, expected in zip(
        weights, train_with_keras(trainer, other, *batches()), strict=True
    ):
        np.testing.assert_allclose(one, expected, rtol=0, atol=2e-5)


def test_a_study_with_them(trainer):
    """The betas of a configuration reach the optimizer; those it lacks are null."""
    plan = tiny_plan((1e-2,), (0.1,), optimizers=("sgd", "nadam"), seeds=1)
    study = tiny_study(plan)
    record = trainer.run(only_run(study, optimizer="sgd"))
    assert record["final_loss"] < record["initial_loss"]
    assert (record["beta_1"], record["executor"]) == (None, "loop")
    losses = set()
    for beta_1 in (0.5, 0.9):
        space = plan.spaces["nadam"]
        assert not isinstance(space, list | tuple)
        fixed = {"beta_1": beta_1, "beta_2": 0.99}
        moved = tiny_plan((1e-2,), (0.1,), optimizers=("nadam",), seeds=1)
        moved.spaces["nadam"].fixed.update(fixed)  # type: ignore[union-attr]
        losses.add(trainer.run(only_run(tiny_study(moved)))["final_loss"])
    assert len(losses) == 2


def test_decay_of_its_own_is_refused(trainer):
    with pytest.raises(ValueError, match=r"AdamW with weight_decay=0\.004"):
        KerasRule(keras.optimizers.AdamW, trainer.program)


def test_a_schedule_of_its_own_is_refused(trainer):
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    with pytest.raises(ValueError, match="SGD with a schedule of its own"):
        KerasRule(lambda: keras.optimizers.SGD(schedule), trainer.program)
