"""Axes and search spaces: exact ratios, the zero row, products that stay."""

import itertools
import math
import re

import numpy as np
import pytest

from keras_lion.tuning import Axis, SearchSpace

ADAMW = SearchSpace(
    axes=(
        Axis.geometric(
            "weight_decay", centre=0.1, ratio=math.sqrt(10), num=3, zero=True
        ),
        Axis.geometric("learning_rate", centre=1e-3, ratio=math.sqrt(10), num=5),
    ),
    fixed={"beta_1": 0.9, "beta_2": 0.999},
)


@pytest.mark.parametrize("num", [1, 2, 5, 6])
def test_a_geometric_axis_has_one_ratio_around_its_centre(num):
    values = Axis.geometric("learning_rate", centre=3e-4, ratio=2, num=num).values
    assert len(values) == num
    np.testing.assert_allclose(np.prod(values) ** (1 / num), 3e-4, rtol=1e-5)
    np.testing.assert_allclose(np.divide(values[1:], values[:-1]), 2, rtol=1e-5)


def test_values_are_round():
    axis = Axis.geometric("learning_rate", centre=1e-3, ratio=10, num=3)
    assert axis.values == (1e-4, 1e-3, 1e-2)


def test_the_zero_row_comes_first_and_is_not_part_of_the_ratio():
    axis = Axis.geometric("weight_decay", centre=1, ratio=4, num=3, zero=True)
    assert axis.values == (0.0, 0.25, 1.0, 4.0)
    assert axis.ratio == 4


def test_ratio_of_axes_that_have_none():
    assert Axis("weight_decay", (0.0, 1.0)).ratio is None
    assert Axis("learning_rate", (1.0, 2.0, 5.0)).ratio is None
    assert Axis.linear("beta_1", low=0.8, high=0.9, num=3).ratio is None


def test_names_keep_their_order_and_are_not_scaled():
    axis = Axis("weight_decay_coupling", ("schedule", "learning_rate"))
    assert axis.scaled(10) == axis
    assert axis.ratio is None
    space = SearchSpace((axis, Axis("learning_rate", (1.0, 2.0))))
    moved = [c["weight_decay_coupling"] for c in space.moved(2).configurations()]
    assert moved == ["schedule", "schedule", "learning_rate", "learning_rate"]


def test_a_linear_axis():
    axis = Axis.linear("beta_1", low=0.5, high=0.9, num=5)
    assert axis.values == (0.5, 0.6, 0.7, 0.8, 0.9)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((), "at least one value"),
        ((1.0, 1.0), "ascend"),
        ((2.0, 1.0), "ascend"),
        ((1.0, math.inf), "finite"),
        ((math.nan,), "finite"),
        ((1.0, 1.0 + 1e-9), "differ in float32"),
        ((0.1, 0.1 * (1 + 1e-8)), "differ in float32"),
        ((0.0, 1e-60), "differ in float32"),
        ((1e39, 1e40), "differ in float32"),
    ],
)
def test_values_that_do_not_ascend_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Axis("width", values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("a", "a"), "each be given once"),
        ((True, False, True), "each be given once"),
        ((1.0, "a"), "of one kind"),
        ((True, 2), "of one kind"),
        ((True, "a"), "of one kind"),
        (("a", ""), "must not be empty text"),
        (("a", None), "numbers, text, or True and False. Received: None"),
        (((1, 2), (3, 4)), r"Received: \(1, 2\)"),
        ("relu", r"must be a tuple, such as \('relu',\)"),
        (3, r"must be a tuple, such as \(3,\)"),
    ],
)
def test_values_of_no_kind_or_of_several_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Axis("activation", values)


@pytest.mark.parametrize("values", [("a", "b"), (True, False)])
@pytest.mark.parametrize("name", ["learning_rate", "beta_2", "batch_size", "seed"])
def test_numbers_are_no_text_and_no_booleans(name, values):
    with pytest.raises(ValueError, match=f"'{name}' must be a number"):
        Axis(name, values)
    with pytest.raises(ValueError, match=f"'{name}' must be a number"):
        SearchSpace((), {name: values[0]})


@pytest.mark.parametrize(
    ("name", "wrong", "right", "expected"),
    [
        ("learning_rate", (-1e-3, 0.0, 0), (1e-9, 10), "positive"),
        ("weight_decay", (-0.1,), (0, 0.0, 100.0), "0 or more"),
        ("beta_1", (-0.1, 1, 1.0), (0, 0.999), "at least 0 and below 1"),
        ("beta_2", (-0.1, 1.5), (0.0, 0.99), "at least 0 and below 1"),
        ("batch_size", (0, -8, 16.5), (1, 16.0), "a whole number, 1 or more"),
        ("seed", (-1, 0.5), (0, 3.0), "a whole number, 0 or more"),
    ],
)
def test_values_out_of_range_are_refused_where_they_are_declared(
    name, wrong, right, expected
):
    for value in wrong:
        message = re.escape(f"'{name}' must be {expected}. Received: {value!r}.")
        with pytest.raises(ValueError, match=message):
            Axis(name, (value,))
        with pytest.raises(ValueError, match=message):
            SearchSpace((), {name: value})
    assert all(Axis(name, (value,)).values == (value,) for value in right)
    assert Axis("shift", (-1.0, 0.0)).values == (-1.0, 0.0)  # a name of one's own


def test_values_become_plain_and_keep_their_kind():
    numbers = Axis("units", np.array([8, 16])).values
    assert numbers == (8, 16)
    assert {type(value) for value in numbers} == {int}
    assert type(Axis("a", (np.str_("x"),)).values[0]) is str
    assert Axis("use_norm", [np.True_, False]).values == (True, False)
    assert {type(v) for v in Axis("use_norm", [np.True_, False]).values} == {bool}
    fixed = SearchSpace((), {"use_norm": np.False_, "rate": np.float64(0.5)}).fixed
    assert [type(value) for value in fixed.values()] == [bool, float]


def test_large_whole_numbers_are_told_apart():
    assert len(Axis("steps", (2**24, 2**24 + 1)).values) == 2


def test_booleans_keep_their_order_and_are_not_scaled():
    axis = Axis("use_norm", (True, False))
    assert axis.scaled(10) == axis
    assert axis.numbers == ()
    assert axis.ratio is None


@pytest.mark.parametrize(
    "wrong", [{"centre": 0}, {"centre": -1}, {"ratio": 1}, {"ratio": 0.5}, {"num": 0}]
)
def test_impossible_geometric_axes_are_refused(wrong):
    with pytest.raises(ValueError, match="centre > 0, ratio > 1 and num >= 1"):
        Axis.geometric(
            "learning_rate", **{"centre": 1e-3, "ratio": 2, "num": 3, **wrong}
        )


def test_a_linear_axis_of_one_value_is_refused():
    with pytest.raises(ValueError, match="num >= 2"):
        Axis.linear("beta_1", low=0.5, high=0.9, num=1)


def test_configurations_are_the_product_with_the_last_axis_fastest():
    space = SearchSpace(
        (Axis("weight_decay", (0.0, 1.0)), Axis("learning_rate", (1e-3, 1e-2))),
        {"beta_1": 0.9},
    )
    points = list(space.configurations())
    assert len(points) == len(space) == 4
    assert all(point["beta_1"] == 0.9 for point in points)
    assert [(p["weight_decay"], p["learning_rate"]) for p in points] == list(
        itertools.product((0.0, 1.0), (1e-3, 1e-2))
    )


def test_moving_keeps_every_product():
    lion = ADAMW.moved(10, beta_2=0.99)
    assert lion.fixed == {"beta_1": 0.9, "beta_2": 0.99}
    assert lion.axis("weight_decay").values[0] == 0
    pairs = list(zip(ADAMW.configurations(), lion.configurations(), strict=True))
    assert len(pairs) == 20
    for one, other in pairs:
        np.testing.assert_allclose(
            other["learning_rate"], one["learning_rate"] / 10, rtol=1e-5
        )
        np.testing.assert_allclose(
            other["learning_rate"] * other["weight_decay"],
            one["learning_rate"] * one["weight_decay"],
            rtol=1e-5,
        )
    assert ADAMW.fixed["beta_2"] == 0.999


def test_moving_leaves_other_axes_alone():
    space = SearchSpace((Axis("beta_1", (0.8, 0.9)), Axis("learning_rate", (1.0,))))
    moved = space.moved(4)
    assert moved.axis("beta_1").values == (0.8, 0.9)
    assert moved.axis("learning_rate").values == (0.25,)


def test_a_hyperparameter_named_twice_is_refused():
    axis = Axis("learning_rate", (1e-3,))
    with pytest.raises(ValueError, match="Received twice: learning_rate"):
        SearchSpace((axis, axis))
    with pytest.raises(ValueError, match="Received twice: learning_rate"):
        SearchSpace((axis,), {"learning_rate": 1e-3})


def test_an_unknown_axis_names_the_known():
    with pytest.raises(ValueError, match="no axis 'beta_1', only weight_decay, learn"):
        ADAMW.axis("beta_1")
