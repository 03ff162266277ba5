"""Losses of every step: the engine's training, cut in parts, with clipped gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("jax")

import keras

if keras.backend.backend() != "jax":
    pytest.skip("the loop is written in JAX", allow_module_level=True)

from keras_lion import Lion
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.rules import RULES
from keras_lion.tuning.engine.training import TrainingProgram
from studies.step_losses import ClippedRule, Setting, StepLosses, scores, seed_of
from studies.switching import taken_over
from tests.tuning.tiny import tiny_task

STEPS = 24


@pytest.fixture(scope="module")
def program():
    task = tiny_task()
    return TaskProgram(task, task.load())


def trained(program, setting, parts=(STEPS,), seeds=(0, 1)):
    """Final values and losses, in as many parts as given."""
    drawn = [seed_of(program, "test", seed, STEPS) for seed in seeds]
    training = StepLosses(program, setting.optimizer)
    values, losses = training.start([each.model_seed for each in drawn]), []
    first = 0
    for part in parts:
        values, found = training.train(
            values,
            [each.order[first : first + part] for each in drawn],
            [setting.rates(STEPS)[first : first + part]] * len(drawn),
            [setting] * len(drawn),
            first=first,
        )
        losses.append(found)
        first += part
    return values, np.concatenate(losses, axis=1), drawn


@pytest.mark.parametrize("optimizer", ["adamw", "lion"])
def test_it_is_the_training_of_the_engine(program, optimizer):
    setting = Setting(optimizer, 1e-2, 0.1)
    values, losses, drawn = trained(program, setting)
    engine = TrainingProgram(program, RULES[optimizer])
    for seed, own, curve in zip(drawn, values, losses, strict=True):
        state, mean = engine.train(
            engine.start(seed.model_seed),
            seed.order,
            setting.rates(STEPS),
            setting.vector[:5],
        )
        assert curve.mean() == pytest.approx(mean, rel=1e-5)
        for weight, expected in zip(own.weights, state.weights, strict=True):
            np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)
        assert curve[-1] < curve[0]
    assert not np.array_equal(losses[0], losses[1])


@pytest.mark.parametrize("optimizer", ["adamw", "lion"])
def test_a_training_in_two_parts_is_the_same_training(program, optimizer):
    """AdamW counts its steps for the bias correction; a count from 1 would differ."""
    setting = Setting(optimizer, 1e-2, 0.1)
    whole, losses, _ = trained(program, setting)
    parts, same, _ = trained(program, setting, parts=(7, STEPS - 7))
    np.testing.assert_allclose(same, losses, rtol=1e-5)
    for one, other in zip(whole[0].weights, parts[0].weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("norm", [0.5, 4.9, 5.1, math.inf])
def test_clipping_is_that_of_keras(norm):
    """The norm of all gradients together is 5."""
    gradients = [np.array([[3.0, 0.0]], "float32"), np.array([-4.0], "float32")]
    weights = [np.zeros_like(g) for g in gradients]
    rule = ClippedRule(RULES["lion"])
    _, slots = rule.apply(
        weights,
        rule.initial_slots(weights),
        gradients,
        step=1.0,
        learning_rate=0.1,
        hyperparameters=Setting("lion", 0.1, 0.0, clip_norm=norm).vector,
    )
    lion = Lion(0.1, global_clipnorm=None if math.isinf(norm) else norm)
    variables = [keras.Variable(weight) for weight in weights]
    lion.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    momenta = [v for v in lion.variables if v.name.endswith("_momentum")]
    for (own,), expected in zip(slots, momenta, strict=True):
        np.testing.assert_allclose(own, expected.numpy(), rtol=1e-5)


def test_no_clipping_leaves_gradients_that_overflow_alone():
    huge = [keras.ops.convert_to_tensor([1e30, -1e-30], "float32")]
    rule = ClippedRule(RULES["lion"])
    (weight,), _ = rule.apply(
        [np.zeros(2, "float32")],
        rule.initial_slots(huge),
        huge,
        step=1.0,
        learning_rate=0.1,
        hyperparameters=Setting("lion", 0.1, 0.0).vector,
    )
    np.testing.assert_allclose(weight, [-0.1, 0.1], rtol=1e-6)


def test_taking_over_is_that_of_the_optimizer():
    """AdamW's first moments, by the rule of the engine and by Keras."""
    generator = np.random.default_rng(0)
    variables = [keras.Variable(np.ones((3, 2))), keras.Variable(np.ones(4))]
    adamw = keras.optimizers.AdamW(1e-2, weight_decay=0.1)
    adamw.build(variables)
    weights = [np.asarray(v.numpy()) for v in variables]
    slots = RULES["adamw"].initial_slots(weights)
    for step in (1.0, 2.0, 3.0):
        gradients = [generator.normal(size=v.shape).astype("float32") for v in weights]
        adamw.apply([keras.ops.convert_to_tensor(g) for g in gradients])
        weights, slots = RULES["adamw"].apply(
            weights,
            slots,
            gradients,
            step=step,
            learning_rate=1e-2,
            hyperparameters=Setting("adamw", 1e-2, 0.1).vector,
        )
    lion = Lion(1e-3)
    lion.build(variables)
    lion.take_over(adamw)
    momenta = [v for v in lion.variables if v.name.endswith("_momentum")]

    class Values:
        def _replace(self, slots):
            return slots

    given = Values()
    given.slots = slots
    for (own,), expected in zip(taken_over(given), momenta, strict=True):
        np.testing.assert_allclose(own, expected.numpy(), rtol=1e-5)


def test_a_run_at_chance_or_without_end_has_diverged(program):
    setting = Setting("lion", 1e-2, 0.1)
    values, losses, drawn = trained(program, setting)
    found = scores(program, values[0], drawn[0], losses[0])
    assert found["finite"]
    assert not found["diverged"]
    assert found["accuracy"] > 0.6
    losses[0][3] = math.inf
    assert scores(program, values[0], drawn[0], losses[0])["diverged"]
    zeros = values[0]._replace(weights=[0 * weight for weight in values[0].weights])
    assert scores(program, zeros, drawn[0], losses[1])["diverged"]
