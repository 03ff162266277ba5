"""Models: shapes, sizes, causality, and one compiled step on either backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from keras_lion.tuning.tasks import models

CASES: dict[str, tuple[Callable[[], Any], tuple[int, ...], tuple[int, ...], int]] = {
    # name: model, shape of one input, shape of its logits, parameters
    "mlp": (
        lambda: models.mlp((40,), hidden=(100, 100), num_classes=10),
        (40,),
        (10,),
        40 * 100 + 100 + 100 * 100 + 100 + 100 * 10 + 10,
    ),
    "mlp of pictures": (
        lambda: models.mlp((4, 4, 1), hidden=(), num_classes=10),
        (4, 4, 1),
        (10,),
        16 * 10 + 10,
    ),
    "cnn": (
        models.cnn,
        (28, 28, 1),
        (10,),
        9 * 16 + 16 + 9 * 16 * 32 + 32 + 7 * 7 * 32 * 10 + 10,
    ),
    "vision_transformer": (
        models.vision_transformer,
        (28, 28, 1),
        (10,),
        49 * 64 + 64 + 16 * 64 + 2 * 49_984 + 128 + 64 * 10 + 10,
    ),
    "language_model": (
        models.language_model,
        (128,),
        (128, 256),
        256 * 64 + 128 * 64 + 2 * 49_984 + 128 + 64 * 256 + 256,
    ),
    "scale_invariant_mlp": (
        lambda: models.scale_invariant_mlp((40,), hidden=(100, 100), num_classes=10),
        (40,),
        (10,),
        40 * 100 + 100 * 100 + 100 * 10,
    ),
    "pair_mlp": (
        models.pair_mlp,
        (2,),
        (59,),
        59 * 64 + 128 * 128 + 128 + 128 * 59 + 59,
    ),
}
# A block of width 64: attention, two normalisations, MLP of width 256.
assert 49_984 == 4 * (64 * 64 + 64) + 2 * 128 + 64 * 256 + 256 + 256 * 64 + 64

INTEGER_INPUTS = {"language_model": 256, "pair_mlp": 59}


def make_inputs(name: str, shape: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng(0)
    if name in INTEGER_INPUTS:
        numbers = generator.integers(INTEGER_INPUTS[name], size=(3, *shape))
        return numbers.astype(np.int32)
    return generator.normal(size=(3, *shape)).astype(np.float32)


# One operation after the other, JAX compiles each; what it finds is the same.
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="once, on TensorFlow, is enough"
)


@on_tensorflow
@pytest.mark.parametrize("name", CASES)
def test_shapes_and_sizes(name: str) -> None:
    make, shape, logits, parameters = CASES[name]
    keras.utils.set_random_seed(0)
    model = make()
    assert model.count_params() == parameters
    outputs = model(make_inputs(name, shape))
    assert tuple(outputs.shape) == (3, *logits)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    # No dropout, no batch statistics, no random state.
    assert model.non_trainable_variables == []


def gradient_step(model: Any, inputs: np.ndarray, compiled: str) -> list[np.ndarray]:
    """Gradients of the sum of squared logits, through `stateless_call`."""
    weights = [variable.value for variable in model.trainable_variables]
    if keras.backend.backend() == "jax":
        import jax

        def loss(weights: Any) -> Any:
            outputs, _ = model.stateless_call(weights, [], inputs, training=True)
            return keras.ops.sum(outputs**2)

        gradient = jax.grad(loss)
        if compiled != "eager":
            gradient = jax.jit(gradient)
        return [np.asarray(part) for part in gradient(weights)]

    import tensorflow as tf

    def step(weights: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            outputs, _ = model.stateless_call(weights, [], inputs, training=True)
            value = tf.reduce_sum(outputs**2)
        return tape.gradient(value, weights)

    if compiled != "eager":
        step = tf.function(step, jit_compile=compiled == "xla")
    tensors = [tf.convert_to_tensor(weight) for weight in weights]
    return [np.asarray(tf.convert_to_tensor(part)) for part in step(tensors)]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_stateless_call_compiles(name: str) -> None:
    make, shape, _, _ = CASES[name]
    keras.utils.set_random_seed(0)
    model = make()
    inputs = make_inputs(name, shape)
    eager = gradient_step(model, inputs, "eager")
    paths = [variable.path for variable in model.trainable_variables]
    kinds = ["xla"] if keras.backend.backend() == "jax" else ["graph", "xla"]
    compiled = [gradient_step(model, inputs, kind) for kind in kinds]
    for path, *parts in zip(paths, eager, *compiled, strict=True):
        if path.endswith("key/bias"):
            continue  # softmax cancels it: its gradient is rounding error
        scale = np.abs(parts[0]).max()
        assert scale > 1e-5, f"{path} has no influence"
        for part in parts[1:]:
            np.testing.assert_allclose(part / scale, parts[0] / scale, atol=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_seed_decides_the_weights(name: str) -> None:
    def weights(seed: int) -> np.ndarray:
        keras.utils.set_random_seed(seed)
        return np.concatenate([part.ravel() for part in CASES[name][0]().get_weights()])

    np.testing.assert_array_equal(weights(1), weights(1))
    assert (weights(1) != weights(2)).any()


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 57, 127])
def test_language_model_does_not_see_the_future(place: int) -> None:
    keras.utils.set_random_seed(0)
    model = models.language_model()
    inputs = make_inputs("language_model", (128,))
    changed = inputs.copy()
    changed[:, place] = (changed[:, place] + 1) % 256
    before, after = (
        keras.ops.convert_to_numpy(model(part)) for part in (inputs, changed)
    )
    np.testing.assert_array_equal(before[:, :place], after[:, :place])
    # … and does see the past.
    assert (before[:, place:] != after[:, place:]).any(axis=-1).all()


@on_tensorflow
def test_language_model_knows_places() -> None:
    keras.utils.set_random_seed(0)
    model = models.language_model()
    logits = keras.ops.convert_to_numpy(model(np.zeros((1, 128), dtype=np.int32)))
    assert np.abs(logits[0, 0] - logits[0, 1]).max() > 1e-3


@on_tensorflow
def test_vision_transformer_knows_places() -> None:
    keras.utils.set_random_seed(0)
    model = models.vision_transformer()
    picture = np.zeros((1, 28, 28, 1), dtype=np.float32)
    picture[:, :7, :7] = 1  # the first patch, then the last
    turned = picture[:, ::-1, ::-1]
    one, other = (keras.ops.convert_to_numpy(model(part)) for part in (picture, turned))
    assert np.abs(one - other).max() > 1e-4


@pytest.mark.parametrize("name", CASES)
def test_models_survive_saving(name: str, tmp_path: Any) -> None:
    make, shape, _, _ = CASES[name]
    keras.utils.set_random_seed(0)
    model = make()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    inputs = make_inputs(name, shape)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(model(inputs)),
        keras.ops.convert_to_numpy(loaded(inputs)),
    )


def scaled_outputs(factor: float, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Outputs before and after all kernels are multiplied by a factor."""
    keras.utils.set_random_seed(0)
    model = models.scale_invariant_mlp((40,), (30, 20), 10, **options)
    for weight in model.trainable_variables:  # gains and biases leave their start
        if weight.ndim < 2:
            weight.assign(weight + 0.3 * keras.random.normal(weight.shape, seed=1))
    inputs = make_inputs("scale_invariant_mlp", (40,))
    before = keras.ops.convert_to_numpy(model(inputs))
    for weight in model.trainable_variables:
        if weight.ndim > 1:
            weight.assign(factor * weight)
    return before, keras.ops.convert_to_numpy(model(inputs))


@pytest.mark.parametrize("factor", [2.0**-4, 2.0**6])
@pytest.mark.parametrize("options", [{}, {"gains": True}], ids=["plain", "gains"])
def test_powers_of_two_of_normalized_kernels_give_the_same_bits(
    factor: float, options: dict[str, Any]
) -> None:
    before, after = scaled_outputs(factor, **options)
    np.testing.assert_array_equal(before, after)
    assert np.abs(before).max() > 0.1


def test_the_scale_of_gains_matters() -> None:
    """Next to their biases; gains and biases together, ReLU and norm let through."""
    keras.utils.set_random_seed(0)
    model = models.scale_invariant_mlp((40,), (30, 20), 10, gains=True)
    gains = [each for each in model.trainable_variables if "gamma" in each.path]
    biases = [each for each in model.trainable_variables if "beta" in each.path]
    assert (len(gains), len(biases)) == (2, 2)  # of the hidden layers, not of logits
    for weight in biases:
        weight.assign(weight + 0.3)
    inputs = make_inputs("scale_invariant_mlp", (40,))
    before = keras.ops.convert_to_numpy(model(inputs))
    for weight in gains:
        weight.assign(4.0 * weight)
    assert np.abs(keras.ops.convert_to_numpy(model(inputs)) - before).max() > 0.01


def test_the_scale_of_an_ordinary_head_matters() -> None:
    before, after = scaled_outputs(4.0, gains=True, head=True)
    assert np.abs(after - before).max() > 0.1


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_normalized_logits_have_the_deviation_of_the_temperature(
    temperature: float,
) -> None:
    keras.utils.set_random_seed(0)
    model = models.scale_invariant_mlp((40,), (30,), 10, temperature=temperature)
    logits = keras.ops.convert_to_numpy(
        model(make_inputs("scale_invariant_mlp", (40,)))
    )
    np.testing.assert_allclose(logits.std(axis=-1), temperature, rtol=1e-4)


def test_the_initial_scale_multiplies_every_kernel() -> None:
    def weights(scale: float) -> list[np.ndarray]:
        keras.utils.set_random_seed(0)
        return models.scale_invariant_mlp(
            (40,), (30,), 10, initial_scale=scale
        ).get_weights()

    for one, other in zip(weights(1.0), weights(0.25), strict=True):
        np.testing.assert_array_equal(0.25 * one, other)


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`patch` must divide .* patch=5"):
        models.vision_transformer(patch=5)
    with pytest.raises(ValueError, match=r"`heads` must divide `width`.* heads=5"):
        models.language_model(heads=5)
