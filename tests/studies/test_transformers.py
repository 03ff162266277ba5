"""Which weights of the Transformers are scale-invariant, and what the study trains."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion.tuning.engine.model_building import decayed_weights
from studies.transformer_network import (
    HEADS,
    INVARIANT,
    LENGTH,
    REST,
    VOCABULARY,
    WIDTH,
    transformer,
)
from studies.transformers import FACTORS, STUDY, TASKS, lines
from tests.arrays import array

FACTOR = 3.0


@pytest.fixture(scope="module", params=[True, False], ids=["normalized", "plain"])
def network(request):
    keras.utils.set_random_seed(1)
    return request.param, transformer(normalized=request.param)


def logits(model, x):
    return array(model(ops.convert_to_tensor(x)))


def change(model, scaled, factor=FACTOR):
    """Largest change of a logit, next to the largest logit, with scaled weights."""
    x = np.random.default_rng(0).integers(0, VOCABULARY, (2, LENGTH)).astype("int32")
    before = logits(model, x)
    kept = [(v, array(v)) for v in model.trainable_variables if scaled(v.path)]
    assert kept
    for variable, value in kept:
        variable.assign(factor * value)
    after = logits(model, x)
    for variable, value in kept:
        variable.assign(value)
    return float(np.abs(after - before).max() / np.abs(before).max())


def is_in(patterns):
    return lambda path: any(re.search(pattern, path) for pattern in patterns)


def test_every_weight_is_in_one_group(network):
    normalized, model = network
    for variable in model.trainable_variables:
        found = is_in(INVARIANT[normalized]), is_in(REST[normalized])
        assert sum(each(variable.path) for each in found) == 1
        assert len(variable.shape) == 2


def test_the_scale_of_the_invariant_weights_together_does_not_matter(network):
    normalized, model = network
    assert change(model, is_in(INVARIANT[normalized])) < 1e-4
    assert change(model, is_in(REST[normalized])) > 0.1


def test_no_weight_but_the_head_has_a_scale_in_the_normalized_network(network):
    normalized, model = network
    paths = [v.path for v in model.trainable_variables]
    sums = ("token/", "position/")  # added before they are normalized
    changes = {
        path: change(model, lambda other, path=path: other == path) for path in paths
    }
    alone = {path: found for path, found in changes.items() if not is_in(sums)(path)}
    if normalized:
        assert is_in(REST[True])(max(changes, key=changes.get))
        assert {path for path, found in alone.items() if found > 1e-4} == {
            path for path in paths if is_in(REST[True])(path)
        }
        assert change(model, is_in(sums)) < 1e-4
    else:
        assert min(changes.values()) > 1e-3


def test_attention_is_causal_and_that_of_keras(network):
    """A change at one place moves no logit before it."""
    normalized, model = network
    x = np.random.default_rng(1).integers(0, VOCABULARY, (1, LENGTH)).astype("int32")
    other = x.copy()
    other[0, 40] = (other[0, 40] + 1) % VOCABULARY
    one, two = logits(model, x)[0], logits(model, other)[0]
    np.testing.assert_allclose(one[:40], two[:40], rtol=0, atol=1e-5)
    assert np.abs(one[40:] - two[40:]).min(axis=0).max() > 1e-6
    layer = next(each for each in model.layers if type(each).__name__ == "Attention")
    q, k, v = np.random.default_rng(2).normal(size=(3, 2, LENGTH, WIDTH))
    found = array(
        layer(*(ops.convert_to_tensor(each, "float32") for each in (q, k, v)))
    )
    size = WIDTH // HEADS
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        queries, keys = q[..., part], k[..., part]
        if normalized:
            queries = queries / np.sqrt((queries**2).mean(-1, keepdims=True))
            keys = keys / np.sqrt((keys**2).mean(-1, keepdims=True))
        for place in (0, 5, LENGTH - 1):
            past = slice(0, place + 1)
            scores = np.einsum("bd,bld->bl", queries[:, place], keys[:, past])
            weights = np.exp(scores / size**0.5)
            weights /= weights.sum(axis=1, keepdims=True)
            expected = np.einsum("bl,bld->bd", weights, v[:, past, part])
            np.testing.assert_allclose(
                found[:, place, part], expected, rtol=1e-4, atol=1e-5
            )


def test_a_scaled_head_is_the_same_function_whose_steps_count_less():
    models = []
    for scale in (1.0, 4.0):
        keras.utils.set_random_seed(5)
        models.append(transformer(normalized=True, head_scale=scale))
    x = np.random.default_rng(0).integers(0, VOCABULARY, (1, LENGTH)).astype("int32")
    np.testing.assert_array_equal(*(logits(model, x) for model in models))
    for model, scale in zip(models, (1.0, 4.0), strict=True):
        before = logits(model, x)
        head = model.get_layer("head").kernel
        head.assign(head + 0.5)
        step = np.abs(logits(model, x) - before).max() * scale
        assert step == pytest.approx(np.abs(0.5 * sum_of_inputs(model, x)), rel=1e-4)


def sum_of_inputs(model, x):
    """The largest sum of what the head reads: what a step of all its weights adds."""
    read = keras.Model(model.inputs, model.get_layer("head").input)
    return np.abs(logits(read, x).sum(axis=-1)).max()


@pytest.mark.parametrize("task", TASKS)
def test_what_decays(task):
    model = TASKS[task].model
    if task == "normalized_pinned":  # reads the hyperparameters
        model = lambda: transformer(normalized=True)  # noqa: E731
    built = model()
    decayed = {
        variable.path
        for variable, decays in zip(
            built.trainable_variables, decayed_weights(TASKS[task], built), strict=True
        )
        if decays
    }
    normalized = not task.startswith("plain")
    group = task.removesuffix("_long").rpartition("_")[2]
    wanted = {"all": ("",), "rest": REST[normalized]}.get(group, INVARIANT[normalized])
    paths = {variable.path for variable in built.trainable_variables}
    assert decayed == {path for path in paths if is_in(wanted)(path)}


def test_lines_have_one_product_and_the_pinned_head_one_rate():
    for task in TASKS:
        for optimizer in ("adamw", "lion"):
            products, rates = set(), set()
            for space in lines(task, optimizer, (-7,), FACTORS):
                for each in space.configurations():
                    rate = float(each["learning_rate"])
                    products.add(rate * float(each["weight_decay"]))
                    rates.add(rate / float(each.get("head_scale", 1.0)))
            assert products == {2.0**-7}
            assert len(rates) == (1 if task == "normalized_pinned" else 3)


def test_the_study_is_what_its_question_says():
    assert STUDY.comparison.measure == "iso_product_spread"
    for task in TASKS:
        plan, runs = STUDY.plan(task, "full"), STUDY.runs(task, "full", "jax")
        is_long = task.endswith("_long")
        assert plan.steps == (12_000 if is_long else 3_000)
        cells = 6 if is_long else 15 if task == "betas" else 18
        assert len(runs) == cells * (2 if is_long else 3)
        # One value of lr × λ is one κ: that of the long runs is the middle one.
        kappas = {
            round(run.weight_decay * run.learning_rate * plan.steps / 2, 2)
            for run in runs
        }
        assert kappas == (
            {5.86} if is_long else {1.46} if task == "betas" else {1.46, 5.86, 11.72}
        )
