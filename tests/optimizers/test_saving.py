"""Training that was saved and loaded is, bit for bit, training that was not."""

import keras
import numpy as np
import pytest

from keras_lion import Lion
from tests.arrays import array


def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(64, 6)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


def model(dropout):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Input((6,)), keras.layers.Dense(8, activation="relu")]
    if dropout:
        layers.append(keras.layers.Dropout(0.5, seed=2))
    return keras.Sequential([*layers, keras.layers.Dense(2)])


def compiled(dropout=False, **lion):
    network = model(dropout)
    network.compile(
        optimizer=Lion(1e-2, weight_decay=0.1, **lion),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return network


def fit(network, epochs):
    x, y = data()
    network.fit(x, y, batch_size=16, epochs=epochs, shuffle=False, verbose=0)


def seed_states(network):
    """The seed generators' states, which `.keras` does not save."""
    return [v for v in network.non_trainable_variables if "seed" in v.path]


@pytest.mark.parametrize("dropout", [False, True])
def test_saved_training_goes_on_bit_for_bit(tmp_path, dropout):
    whole = compiled(dropout)
    fit(whole, 4)

    half = compiled(dropout)
    fit(half, 2)
    half.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for state, saved in zip(seed_states(loaded), seed_states(half), strict=True):
        state.assign(saved.value)
    fit(loaded, 2)

    assert bool(seed_states(whole)) == dropout
    for one, other in zip(whole.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(array(one), array(other))
    for one, other in zip(
        whole.optimizer.variables, loaded.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(array(one), array(other))


def test_loaded_optimizer_keeps_its_momentum_and_its_decay(tmp_path):
    network = compiled()
    fit(network, 1)
    network.optimizer.weight_decay = 0.7
    network.save(tmp_path / "model.keras")
    optimizer = keras.saving.load_model(tmp_path / "model.keras").optimizer
    assert type(optimizer) is Lion
    assert optimizer.weight_decay == 0.7
    momenta = [array(v) for v in optimizer.variables if "momentum" in v.path]
    assert len(momenta) == 4
    assert all(np.abs(m).max() > 0 for m in momenta)


def test_which_lion_a_string_means():
    network = model(dropout=False)
    network.compile("keras_lion>Lion", "mse")
    assert type(network.optimizer) is Lion
    network.compile("lion", "mse")
    assert type(network.optimizer) is not Lion
    assert type(network.optimizer).__name__ == "Lion"
