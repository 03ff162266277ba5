"""LazyEmbeddings: touched rows step as the inner optimizer does, idle ones stay."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers import LazyEmbeddings
from keras_lion.optimizers.lazy_embeddings import PER_WEIGHT
from tests.arrays import array

OPTIONS = {"SGD": {"momentum": 0.9}, "RMSprop": {"momentum": 0.9, "centered": True}}


def inner(name):
    options = {"learning_rate": 0.1, "weight_decay": 0.1, **OPTIONS.get(name, {})}
    return getattr(keras.optimizers, name)(**options)


def weights():
    return [
        keras.Variable(np.ones((4, 2), "float32"), name="embeddings"),
        keras.Variable(np.ones((4, 2), "float32"), name="kernel"),
    ]


def gradients(steps, rows):
    rng = np.random.default_rng(0)
    for _ in range(steps):
        gradient = np.zeros((4, 2), "float32")
        gradient[rows] = rng.normal(size=(len(rows), 2))
        yield [ops.convert_to_tensor(gradient), ops.ones((4, 2))]


@pytest.mark.parametrize("name", PER_WEIGHT)
def test_touched_rows_step_and_idle_ones_stay(name):
    (table, kernel), (reference, other) = weights(), weights()
    lazy, plain = LazyEmbeddings(inner(name)), inner(name)
    for each in gradients(2, [0, 1, 2, 3]):
        lazy.apply(each, [table, kernel])
        plain.apply(each, [reference, other])
    np.testing.assert_array_equal(array(table), array(reference))
    before = [array(variable) for variable in lazy._rows_of(table)]
    assert len(before) > 1  # momentum or the like is found
    for each in gradients(3, [0, 2]):
        lazy.apply(each, [table, kernel])
        plain.apply(each, [reference, other])
    for variable, old in zip(lazy._rows_of(table), before, strict=True):
        np.testing.assert_array_equal(array(variable)[[1, 3]], old[[1, 3]])
    np.testing.assert_array_equal(array(table)[[0, 2]], array(reference)[[0, 2]])
    np.testing.assert_array_equal(array(kernel), array(other))
    if name != "Ftrl":  # which has no momentum, and no decay of its own here
        assert (array(reference)[[1, 3]] != before[0][[1, 3]]).all()


def test_a_loss_scale_of_the_inner_optimizer_scales_the_loss():
    plain = keras.optimizers.SGD(0.1, loss_scale_factor=8.0)
    lazy = LazyEmbeddings(keras.optimizers.SGD(0.1, loss_scale_factor=8.0))
    for optimizer in (plain, lazy):
        table = weights()[0]
        scaled = optimizer.scale_loss(ops.ones((4, 2)))
        optimizer.apply([scaled], [table])
        np.testing.assert_allclose(array(table), 0.9, rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_fit_and_reload(tmp_path, jit_compile):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Embedding(20, 4),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1),
        ]
    )
    tokens = np.random.default_rng(0).integers(0, 10, (64, 5))
    targets = tokens.mean(axis=1)
    model.build(tokens.shape)
    before = array(model.weights[0])
    model.compile(
        LazyEmbeddings(keras.optimizers.AdamW(1e-2)), "mse", jit_compile=jit_compile
    )
    model.fit(tokens, targets, batch_size=16, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_array_equal(array(model.weights[0])[10:], before[10:])
    assert (array(model.weights[0])[:10] != before[:10]).any(axis=1).all()
    model.save(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, other):
        each.fit(tokens, targets, batch_size=16, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_array_equal(array(model.weights[0]), array(other.weights[0]))
    assert int(array(model.optimizer.iterations)) == 8


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (keras.optimizers.Adafactor, "whole table"),
        (keras.optimizers.Lamb, "whole table"),
        (Lion, r"lazy_embeddings=True"),
        (lambda: keras.optimizers.SGD(gradient_accumulation_steps=2), "accumulation"),
    ],
)
def test_others_are_refused(optimizer, message):
    with pytest.raises(ValueError, match=message):
        LazyEmbeddings(optimizer())
