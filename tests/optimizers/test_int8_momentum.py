"""A momentum in one byte per weight: the code, the step, checkpoints, combinations."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers import reference
from keras_lion.optimizers.storage import int8_code
from tests.arrays import array


def recoded(value):
    """What is left of a value after it was stored, float64."""
    codes, scales = int8_code.encode(ops.convert_to_tensor(np.float32(value)))
    assert str(keras.backend.standardize_dtype(codes.dtype)) == "int8"
    assert tuple(codes.shape) == np.shape(value)
    assert scales.shape[0] == math.ceil(np.size(value) / 64)
    return array(int8_code.decode(codes, scales)).astype("float64")


def in_numpy(value):
    """The nearest of the 255 signed squares of each block of 64, in float64."""
    flat = np.ravel(value).astype("float64")
    found = []
    for block in np.split(flat, range(64, flat.size, 64)):
        largest = np.abs(block).max()
        steps = np.arange(-127, 128) / 127
        levels = steps * np.abs(steps) * largest
        roots = np.sign(block) * np.sqrt(np.abs(block))
        level_roots = steps * np.sqrt(largest)
        nearest = np.abs(roots[:, None] - level_roots).argmin(axis=1)
        found.append(levels[nearest])
    return np.concatenate(found).reshape(np.shape(value))


def test_a_block_of_zeros_is_not_divided_by_its_scale(monkeypatch):
    # What a NaN is as an integer differs from device to device.
    divided = []
    monkeypatch.setattr(ops, "round", lambda x: divided.append(array(x)) or x)
    recoded(np.concatenate([np.zeros(64), np.ones(64)]))
    np.testing.assert_array_equal(divided[0], [[0] * 64, [127] * 64])


SHAPES = [(64,), (1,), (63,), (65,), (7, 13), (3, 5, 64), (128, 10)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_element_is_the_nearest_code_of_its_own_block(shape):
    generator = np.random.default_rng(0)
    value = generator.normal(size=shape) * 10.0 ** generator.uniform(-6, 6, shape)
    expected = in_numpy(value.astype("float32"))
    found = recoded(value)
    # An element between two codes may be rounded either way.
    same = np.isclose(found, expected, rtol=1e-5)
    assert same.mean() > 0.98
    bound = np.sqrt(np.abs(expected)) / 127 * np.sqrt(np.abs(value).max()) + 1e-30
    assert (np.abs(found - expected)[~same] <= 2.1 * bound[~same] + 1e-4).all()


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e12, 1e30])
def test_scales_neither_vanish_nor_overflow(scale):
    value = np.random.default_rng(1).normal(size=200)
    found = recoded(value * scale) / scale
    np.testing.assert_allclose(found, recoded(value), rtol=1e-4, atol=1e-5)


def test_the_largest_of_a_block_keeps_its_value_whatever_its_sign():
    value = np.zeros(128)
    value[3], value[100] = -0.37, 12.0
    np.testing.assert_allclose(recoded(value), value, rtol=1e-6)


def test_zeros_stay_zero_and_a_code_is_stored_again_as_it_is():
    np.testing.assert_array_equal(recoded(np.zeros(70)), 0)
    value = np.random.default_rng(2).normal(size=300)
    codes, scales = int8_code.encode(ops.convert_to_tensor(np.float32(value)))
    again, _ = int8_code.encode(int8_code.decode(codes, scales))
    np.testing.assert_array_equal(array(codes), array(again))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_seen_in_its_block_only(bad):
    value = np.ones(128)
    value[5] = bad
    found = recoded(value)
    assert not np.isfinite(found[:64]).any()
    np.testing.assert_allclose(found[64:], 1, rtol=1e-6)


SHAPE = (40, 33)  # 1320 weights, 20.6 blocks


def start(**options):
    generator = np.random.default_rng(3)
    weights = [
        keras.Variable(generator.normal(size=s).astype("float32"), name=name)
        for name, s in (("kernel", SHAPE), ("bias", (33,)))
    ]
    optimizer = Lion(1e-3, weight_decay=0.1, momentum_dtype="int8", **options)
    optimizer.build(weights)
    return weights, optimizer


def gradients(steps, scale=1.0, seed=4):
    generator = np.random.default_rng(seed)
    spread = 10.0 ** generator.uniform(-1, 1, SHAPE)
    return [
        (scale * spread * generator.normal(1, 3, SHAPE), generator.normal(size=33))
        for _ in range(steps)
    ]


def train(weights, optimizer, steps):
    for step in steps:
        optimizer.apply(
            [ops.convert_to_tensor(g.astype("float32")) for g in step], weights
        )


def values(optimizer, weights):
    return [array(v) for v in [*weights, *optimizer.variables]]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_of_large_tensors_is_a_byte_per_weight_and_small_ones_are_float32():
    _, optimizer = start()
    (kernel, bias), scales = optimizer._momentums, optimizer._scales
    assert (kernel.dtype, bias.dtype) == ("int8", "float32")
    assert scales[1] is None
    size = math.prod(SHAPE)
    assert size + 4 * scales[0].shape[0] <= 1.1 * size


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_steps_are_those_of_a_momentum_that_is_stored_so(scale):
    """The same path in NumPy, with each momentum replaced by its nearest code."""
    weights, optimizer = start()
    theta = array(weights[0]).astype("float64")
    m, flips = np.zeros(SHAPE), 0
    for step in gradients(30, scale):
        train(weights, optimizer, [step])
        g = step[0].astype("float32").astype("float64")
        theta, m = reference.lion_step(
            theta, m, g, learning_rate=1e-3, weight_decay=0.1
        )
        m = in_numpy(m)
        flips += np.count_nonzero(np.abs(array(weights[0]) - theta) > 1e-3)
    assert flips <= 0.005 * m.size * 30
    found = array(optimizer._momentum_values()[0])
    assert np.mean(np.isclose(found, m, rtol=1e-3, atol=1e-3 * np.abs(m).max())) > 0.98


def test_signs_are_nearly_those_of_float32():
    weights, optimizer = start()
    others = [keras.Variable(w, name=w.name) for w in weights]
    full = Lion(1e-3, weight_decay=0.1)
    before = [array(w[0]) for w in (weights, others)]
    agree = []
    for step in gradients(100):
        train(weights, optimizer, [step])
        train(others, full, [step])
        after = [array(w[0]) for w in (weights, others)]
        moves = [np.sign(a - b) for a, b in zip(after, before, strict=True)]
        agree.append(np.mean(moves[0] == moves[1]))
        before = after
    assert np.mean(agree[20:]) > 0.98


@pytest.mark.parametrize("way", ["entries", "bytes"])
def test_a_checkpoint_continues_bit_by_bit(way):
    weights, optimizer = start()
    steps = gradients(8)
    train(weights, optimizer, steps[:4])
    resumed, other = start()
    for new, old in zip(resumed, weights, strict=True):
        new.assign(old)
    if way == "entries":
        entries = {}
        optimizer.save_own_variables(entries)
        other.load_own_variables(entries, strict=True)
    else:
        other._restore_bytes(optimizer._state().to_bytes())
    assert_same(values(optimizer, weights), values(other, resumed))
    train(weights, optimizer, steps[4:])
    train(resumed, other, steps[4:])
    assert_same(values(optimizer, weights), values(other, resumed))


@pytest.mark.parametrize("there", [None, "bfloat16", "int8"])
@pytest.mark.parametrize("here", [None, "bfloat16", "int8"])
@pytest.mark.parametrize("way", ["load", "take over"])
def test_a_momentum_moves_between_storages(there, here, way):
    weights, _ = start()
    saved = Lion(1e-3, momentum_dtype=there)
    train(weights, saved, gradients(5))
    loading = Lion(1e-3, momentum_dtype=here)
    loading.build(weights)
    if way == "load":
        entries = {}
        saved.save_own_variables(entries)
        loading.load_own_variables(entries, strict=True)
    else:
        loading.take_over(saved)
    for one, other in zip(
        saved._momentum_values(), loading._momentum_values(), strict=True
    ):
        one, other = (array(ops.cast(m, "float32")) for m in (one, other))
        error = np.abs(one - other).max() / np.abs(one).max()
        assert error < (1e-7 if there == here else 0.02)
        assert np.abs(other).max() > 0


def test_dropped_steps_change_no_bit():
    weights, optimizer = start(skip_nonfinite=True)
    train(weights, optimizer, gradients(3))
    before = values(optimizer, weights)
    bad = gradients(1, seed=5)
    bad[0][0][3, 3] = np.inf
    train(weights, optimizer, bad)
    after = values(optimizer, weights)
    names = [v.name for v in [*weights, *optimizer.variables]]
    changed = [
        name
        for name, a, b in zip(names, before, after, strict=True)
        if not np.array_equal(a, b)
    ]
    assert changed == ["skipped_steps"]


def test_accumulation_has_a_buffer_and_one_rounding_per_update():
    weights, optimizer = start(beta_1=0.9, beta_2=0.9, gradient_accumulation_steps=2)
    assert not optimizer.accumulates_in_momentum
    once, other = start(beta_1=0.9, beta_2=0.9)
    steps = gradients(6)
    train(weights, optimizer, [s for s in steps for _ in range(2)])
    train(once, other, steps)
    np.testing.assert_allclose(array(weights[0]), array(once[0]), atol=1e-6)
    assert_same(*(map(array, o._momentums) for o in (optimizer, other)))


def test_lazy_embeddings_are_refused():
    with pytest.raises(ValueError, match="lazy_embeddings.*int8"):
        Lion(lazy_embeddings=True, momentum_dtype="int8")
