"""A task's `weight_decay_mask` decides what decays, whatever trains the task."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_lion.tuning.engine.keras_rules import get_rule
from keras_lion.tuning.engine.rules import hyperparameter_vector
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.engine.training import TrainingProgram
from tests.arrays import array
from tests.tuning.tiny import only_run, tiny_plan, tiny_study, tiny_task

RATE, DECAY = 1e-2, 0.5
HIDDEN = ("hidden/kernel", "hidden/bias")
KERNELS = ("hidden/kernel", "logits/kernel")


def network():
    def dense(units, **options):
        # Biases that are not zero: decay moves them too.
        return keras.layers.Dense(units, bias_initializer="ones", **options)

    return keras.Sequential(
        [
            keras.layers.Input((4,)),
            dense(8, activation="tanh", name="hidden"),
            dense(3, name="logits"),
        ],
        name="network",
    )


MASKS = {
    "default": ({}, KERNELS),
    "matrices": ({"weight_decay_mask": "matrices"}, KERNELS),
    "everything": ({"weight_decay_mask": None}, ("hidden", "logits")),
    "pattern": ({"weight_decay_mask": ["hidden/"]}, HIDDEN),
    "function": (
        {"weight_decay_mask": lambda variable: variable.path.endswith("logits/kernel")},
        KERNELS[1:],
    ),
}


def check(weights, without, initial, paths, decayed):
    """One step with decay minus one without is −ηλθ on what is decayed, else 0."""
    for path, one, other, start in zip(paths, weights, without, initial, strict=True):
        share = RATE * DECAY if any(name in path for name in decayed) else 0.0
        np.testing.assert_allclose(one - other, -share * start, rtol=0, atol=1e-6)
        assert np.abs(start).max() > 0.1


@pytest.mark.parametrize("optimizer", ["lion", "adamw", "sgd"])
@pytest.mark.parametrize("mask", MASKS)
def test_one_step_of_the_engine(mask, optimizer):
    options, decayed = MASKS[mask]
    program = Trainer(tiny_task(model=network, **options)).program
    rule = get_rule(optimizer, {"beta_1": 0.9, "beta_2": 0.99}, program, {})
    training = TrainingProgram(program, rule)

    def trained(weight_decay):
        vector = hyperparameter_vector(weight_decay, 0.9, 0.99)
        order = np.arange(16, dtype="int32")[None]
        rates = np.full(1, RATE, "float32")
        state, _ = training.train(training.start(3), order, rates, vector)
        return [array(weight) for weight in state.weights]

    initial = [array(weight) for weight in training.start(3).weights]
    paths = [v.path for v in program.model.trainable_variables]
    check(trained(DECAY), trained(0.0), initial, paths, decayed)


@pytest.mark.parametrize("optimizer", ["lion", "adamw"])
def test_one_step_of_fit(optimizer):
    task = tiny_task(
        model=network,
        weight_decay_mask=["hidden/"],
        class_weight={0: 1.0, 1: 1.0, 2: 1.0},  # which only `fit` can do
        train_examples=16,
    )
    trainer = Trainer(task)
    plan = tiny_plan((RATE,), (0.0, DECAY), optimizers=(optimizer,), epochs=1, seeds=1)
    study = tiny_study(plan, task)

    def trained(weight_decay):
        run = trainer._prepare(only_run(study, weight_decay=weight_decay))
        run.rates[:] = RATE
        fit = trainer.fit_training(run.spec, len(run.order))
        fit.train(run)
        model = fit.compiled.model
        start = fit.compiled.initial_weights(run.seeds.model_seed)
        paths = [v.path for v in model.trainable_variables]
        return [array(v) for v in model.trainable_variables], start, paths

    (weights, initial, paths), (without, _, _) = trained(DECAY), trained(0.0)
    check(weights, without, initial, paths, HIDDEN)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (["hiden/"], "must match paths .*hidden/kernel.* Received: hiden/"),
        ("hidden", r"For a pattern, pass a list: \['hidden'\]"),
    ],
)
def test_a_mask_that_selects_nothing_is_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        _ = Trainer(tiny_task(model=network, weight_decay_mask=mask)).program
