"""What a model reads of a configuration."""

from __future__ import annotations

import keras
import keras_tuner
import pytest

from keras_lion.tuning.tasks.hyperparameters import (
    build_noting_reads,
    reads_of,
    refuse_unread,
    takes_hyperparameters,
)


def reads(model, **values):
    found = reads_of(model, values)
    return set(found.active), set(found.known)


def layers(hp):
    return [hp.Int(f"units_{k}", 4, 8) for k in range(hp.Int("layers", 1, 2))]


def scoped(hp):
    kind = hp.Choice("kind", ["dense", "conv"])
    with hp.conditional_scope("kind", ["dense"]):
        units = hp.Int("units", 4, 8)
    filters = hp.Int("filters", 4, 8, parent_name="kind", parent_values=["conv"])
    return kind, units, filters


def test_the_number_of_layers_decides_what_is_read():
    names = {"layers", "units_0", "units_1"}
    values = {"units_0": 8, "units_1": 4}
    assert reads(layers, layers=2, **values) == (names, names)
    assert reads(layers, layers=1, **values) == (names - {"units_1"},) * 2


def test_conditions_decide_what_is_read_and_the_rest_is_none():
    values = {"units": 8, "filters": 6}
    known = {"kind", "units", "filters"}
    assert reads(scoped, kind="dense", **values) == ({"kind", "units"}, known)
    assert reads(scoped, kind="conv", **values) == ({"kind", "filters"}, known)
    made, _ = build_noting_reads(scoped, {"kind": "conv", **values})
    assert made == ("conv", None, 6)


def test_names_may_be_asked_for_without_declaring_them():
    def model(hp):
        depth = hp["depth"] if "depth" in hp else 1  # noqa: SIM401
        return hp.get("units"), depth

    assert reads(model, units=8, depth=2, width=3)[0] == {"units", "depth"}
    assert reads(model, units=8)[0] == {"units"}

    def scopes(hp):
        with hp.name_scope("block"):
            return hp.Int("units", 4, 8), hp.get("depth")

    assert reads(scopes, **{"block/units": 8, "block/depth": 1})[0] == {
        "block/units",
        "block/depth",
    }


@pytest.mark.parametrize(
    ("declare", "value", "expected"),
    [
        (lambda hp: hp.Boolean("x"), 1, True),
        (lambda hp: hp.Boolean("x"), False, False),
        (lambda hp: hp.Float("x", 0.0, 1.0), 1, 1.0),
        (lambda hp: hp.Int("x", 4, 8), 8.0, 8),
        (lambda hp: hp.Choice("x", [0.5, 1.0]), 1, 1.0),
        (lambda hp: hp.Choice("x", [8, 16]), 16.0, 16),
        (lambda hp: hp.Choice("x", ["a", "b"]), "b", "b"),
        (lambda hp: hp.Choice("x", ["a", "b"]), "c", "c"),
        (lambda hp: hp.Choice("x", [True, False]), False, False),
        (lambda hp: hp.Fixed("x", 3), 4, 4),
    ],
)
def test_a_value_has_the_type_that_the_model_declares(declare, value, expected):
    made, _ = build_noting_reads(declare, {"x": value})
    assert made == expected
    assert type(made) is type(expected)


def test_models_of_one_shape_read_nothing_and_are_not_built():
    def model():
        raise AssertionError

    assert not takes_hyperparameters(model)
    assert reads(model, units=3) == (set(), set())
    assert not takes_hyperparameters(keras.Sequential)


def test_a_model_is_built_once_for_each_configuration():
    calls = []

    class Network(keras_tuner.HyperModel):
        def build(self, hp):
            calls.append(hp.Int("units", 4, 8))

    network = Network()
    for units in (4, 8, 4):
        assert reads(network, units=units)[0] == {"units"}
    assert calls == [4, 8]


def test_what_cannot_be_built_says_nothing():
    def model(hp):
        raise RuntimeError(hp.Int("units", 4, 8))

    assert reads_of(model, {"units": 8}) is None


def test_what_nothing_reads_is_refused_with_what_is_read():
    refuse_unread("t", layers, ["layers"], ["layers", "units_0"])
    with pytest.raises(ValueError, match="names unit, .* It reads: layers, units_0"):
        refuse_unread("t", layers, ["unit", "layers"], ["units_0", "layers"])
    with pytest.raises(ValueError, match="It reads: none"):
        refuse_unread("t", layers, ["unit"], [])
    with pytest.raises(ValueError, match="function without arguments"):
        refuse_unread("t", lambda: None, ["unit"], [])
