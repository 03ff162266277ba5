"""Dtypes of the stored momentum, and stochastic rounding to bfloat16."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers.storage.stochastic_rounding import (
    OF_MOMENTA,
    OF_WEIGHTS,
    random_halves,
    round_stochastically,
)
from tests.arrays import array


def rounded(values, step=0, index=0, stream=OF_MOMENTA):
    tensor = ops.convert_to_tensor(np.asarray(values, "float32"))
    found = round_stochastically(tensor, stream=stream, step=step, index=index)
    return array(ops.cast(found, "float32"))


def neighbours(value):
    """The bfloat16 values below and above (in magnitude) a float32."""
    bits = np.float32(value).view("uint32")
    low = np.uint32(bits & 0xFFFF0000)
    return low.view("float32"), np.uint32(low + 0x10000).view("float32")


@pytest.mark.parametrize("value", [1.001, -0.3, 3e-20, 12345.678])
def test_rounds_to_one_of_the_two_neighbours_and_keeps_the_mean(value):
    low, high = neighbours(value)
    found = rounded(np.full(200_000, value))
    assert set(np.unique(found)) == {low, high}
    probability = (np.float32(value) - low) / (high - low)
    share = np.mean(found == high)
    error = 5 * np.sqrt(probability * (1 - probability) / found.size)
    assert abs(share - probability) < error


def test_exact_values_stay():
    values = np.array([0.0, -0.0, 1.0, -2.5, 2.0**-100], "float32")
    np.testing.assert_array_equal(rounded(values), values)


def test_infinities_and_nans_stay_what_they_are():
    values = np.array([np.inf, -np.inf, np.nan, -np.nan], "float32")
    np.testing.assert_array_equal(rounded(values), values)
    # As a number, a NaN of ones would be carried over into the sign: -0.
    ones = np.full(100, 0x7FFFFFFF, "uint32").view("float32")
    assert np.isnan(rounded(ones)).all()


def test_rounding_depends_on_step_variable_and_place_only():
    values = np.full(1000, 1.001)
    np.testing.assert_array_equal(rounded(values, 3, 2), rounded(values, 3, 2))
    for other in (rounded(values, 4, 2), rounded(values, 3, 1)):
        assert 0.2 < np.mean(rounded(values, 3, 2) != other) < 0.8
    assert len(np.unique(rounded(values, 3, 2))) == 2


@pytest.mark.parametrize("stream", [OF_MOMENTA, OF_WEIGHTS])
def test_random_halves_are_uniform_and_the_same_on_every_backend(stream):
    places = ops.reshape(ops.arange(100_000), (100, 1000))
    halves = array(random_halves(places, stream=stream, step=7, index=0))
    assert halves.min() >= 0
    assert halves.max() < 2**16
    counts = np.bincount(halves.ravel() >> 12, minlength=16)
    assert np.abs(counts / halves.size - 1 / 16).max() < 0.005
    expected = bits_in_numpy(4, step=7, index=0) >> (16 if stream == OF_WEIGHTS else 0)
    np.testing.assert_array_equal(halves[0, :4], expected & 0xFFFF)


def bits_in_numpy(size, step, index):
    """The hash with NumPy's unsigned arithmetic."""

    def mix(x):
        x = x ^ (x >> np.uint32(16))
        x = x * np.uint32(0x21F0AAAD)
        x = x ^ (x >> np.uint32(15))
        x = x * np.uint32(0x735A2D97)
        return x ^ (x >> np.uint32(15))

    seed = mix(np.array([step * 65537 + index + 1], "uint32"))
    return mix(np.arange(size, dtype="uint32") + seed).astype(int)


def test_weights_and_momenta_are_rounded_independently():
    values = np.full(100_000, 1 + 2.0**-9)  # half of the way
    one, other = (rounded(values, stream=s) > 1 for s in (OF_MOMENTA, OF_WEIGHTS))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02


def run(optimizer, gradients, start=1.0, dtype="float32"):
    weight = keras.Variable(np.full(64, start, "float32"), dtype=dtype, name="w")
    for gradient in gradients:
        optimizer.apply([ops.cast(np.full(64, gradient), dtype)], [weight])
    return weight, next(v for v in optimizer.variables if v.name.endswith("momentum"))


def test_a_step_rounds_weights_and_momenta_each_by_its_own_stream():
    optimizer = Lion(2.0**-10, momentum_dtype="bfloat16")
    weight, momentum = run(optimizer, [0.25], dtype="bfloat16")
    moved = rounded(np.full(64, 1 - 2.0**-10), stream=OF_WEIGHTS)
    assert len(np.unique(moved)) == 2
    np.testing.assert_array_equal(array(ops.cast(weight, "float32")), moved)
    value = np.float32(0.25) * (np.float32(1) - np.float32(0.99))
    kept = rounded(np.full(64, value), stream=OF_MOMENTA)
    np.testing.assert_array_equal(array(ops.cast(momentum, "float32")), kept)


@pytest.mark.parametrize(
    ("variable", "momentum_dtype", "stored"),
    [
        ("float32", None, "float32"),
        ("bfloat16", None, "float32"),
        ("float16", None, "float32"),
        ("float64", None, "float64"),
        ("float32", "bfloat16", "bfloat16"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("float32", "float64", "float64"),
    ],
)
def test_momentum_is_stored_as_asked(variable, momentum_dtype, stored):
    if "float64" in (variable, stored) and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless it is enabled for the whole process")
    _, momentum = run(Lion(momentum_dtype=momentum_dtype), [0.5], dtype=variable)
    assert momentum.dtype == stored


def test_bfloat16_momentum_decays_where_nearest_rounding_would_not():
    """At 1 - beta_2 = 1/512, the nearest bfloat16 of 0.998 m is m: stuck for ever."""
    optimizer = Lion(1e-3, beta_2=1 - 1 / 512, momentum_dtype="bfloat16")
    _, momentum = run(optimizer, [1.0] * 50 + [0.0] * 200)
    peak = 1 - (1 - 1 / 512) ** 50
    expected = peak * (1 - 1 / 512) ** 200
    mean = array(ops.cast(momentum, "float32")).mean()
    assert mean == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("dtype", ["float16", "int4", "half", 32])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(ValueError, match="momentum_dtype.*float32"):
        Lion(momentum_dtype=dtype)
    with pytest.raises(ValueError, match="accumulator_dtype.*float32"):
        Lion(accumulator_dtype=dtype)


def test_only_a_momentum_may_be_int8():
    with pytest.raises(ValueError, match="accumulator_dtype.*int8"):
        Lion(accumulator_dtype="int8")


def test_float64_weights_are_updated_in_float64():
    if keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless it is enabled for the whole process")
    optimizer = Lion(0.0, beta_2=0.9)
    _, momentum = run(optimizer, [1.0, 0.0, 0.0], dtype="float64")
    np.testing.assert_allclose(array(momentum), 0.1 * 0.81, rtol=1e-15)


def test_bfloat16_weights_train_below_half_an_ulp():
    """Below 1, bfloat16 numbers are 2⁻⁸ apart: a step of 1e-4 is rounded off."""
    moved, _ = run(Lion(1e-4), [1.0] * 400, dtype="bfloat16")
    found = array(ops.cast(moved, "float32"))
    # 400 steps of 1e-4, in jumps of 2⁻⁸: a standard deviation of about 0.01 each.
    assert found.mean() == pytest.approx(0.96, abs=0.006)
    stuck, _ = run(Lion(1e-4, stochastic_rounding=False), [1.0] * 20, dtype="bfloat16")
    np.testing.assert_array_equal(array(ops.cast(stuck, "float32")), 1.0)


def test_without_stochastic_rounding_a_momentum_is_the_nearest_bfloat16():
    optimizer = Lion(1e-3, momentum_dtype="bfloat16", stochastic_rounding=False)
    _, momentum = run(optimizer, [0.123])
    nearest = array(ops.cast(ops.cast(np.float32(0.00123), "bfloat16"), "float32"))
    np.testing.assert_array_equal(array(ops.cast(momentum, "float32")), nearest)


def test_bfloat16_weights_of_an_accumulated_step_are_rounded_stochastically():
    optimizer = Lion(1e-4, 0.9, 0.9, gradient_accumulation_steps=2)
    assert len(optimizer.variables) < 5  # no buffers
    moved, _ = run(optimizer, [1.0] * 400, dtype="bfloat16")
    assert array(ops.cast(moved, "float32")).mean() == pytest.approx(0.98, abs=0.005)


def test_rounding_continues_exactly_after_a_resume():
    generator = np.random.default_rng(0)
    gradients = generator.normal(size=(6, 64)).astype("float32")

    def start():
        weight = keras.Variable(np.ones(64, "float32"), dtype="bfloat16", name="w")
        optimizer = Lion(1e-3, momentum_dtype="bfloat16")
        optimizer.build([weight])
        return weight, optimizer

    def train(weight, optimizer, gradients):
        for gradient in gradients:
            optimizer.apply([ops.cast(gradient, "bfloat16")], [weight])

    weight, optimizer = start()
    train(weight, optimizer, gradients[:3])
    entries = {}
    optimizer.save_own_variables(entries)
    resumed, other = start()
    resumed.assign(weight)
    other.load_own_variables(entries)
    train(weight, optimizer, gradients[3:])
    train(resumed, other, gradients[3:])
    np.testing.assert_array_equal(
        array(ops.cast(weight, "float32")), array(ops.cast(resumed, "float32"))
    )
