"""Longer axes: the values of a larger grid, and none of the old ones changed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_lion.tuning import Axis, SearchSpace, run_study
from keras_lion.tuning.runs.readers import read_runs
from keras_lion.tuning.study import Plan
from keras_lion.tuning.study.extension import Extension, combined
from tests.tuning.tiny import tiny_plan, tiny_study, tiny_task

RATIOS = (1.5, 2, 3, 4, 10, math.sqrt(10), math.sqrt(2), 10 ** (1 / 3), 10**0.25)
grids = st.tuples(
    st.integers(1, 99).map(lambda n: n / 10),
    st.integers(-6, 1),
    st.sampled_from(RATIOS),
    st.integers(2, 9),
)


@given(grids, st.integers(0, 3), st.booleans())
def test_a_larger_grid_has_the_values_of_the_smaller(grid, more, zero):
    mantissa, power, ratio, num = grid
    rule = {"centre": float(f"{mantissa}e{power}"), "ratio": ratio, "zero": zero}
    small = Axis.geometric("weight_decay", num=num, **rule)
    large = Axis.geometric("weight_decay", num=num + 2 * more, **rule)
    assert set(small.values) <= set(large.values)
    assert small.extended(down=more, up=more) == large


@given(grids, st.integers(0, 4), st.integers(0, 4))
def test_two_extensions_are_one(grid, one, other):
    mantissa, power, ratio, num = grid
    centre = float(f"{mantissa}e{power}")
    axis = Axis.geometric("weight_decay", centre=centre, ratio=ratio, num=num)
    whole = axis.extended(up=one + other, down=other)
    assert axis.extended(up=one).values == whole.values[other : other + num + one]
    assert axis.extended(up=one).extended(up=other, down=other) == whole


@pytest.mark.parametrize(
    ("values", "down", "up", "expected"),
    [
        ((1e-4, 1e-3), 1, 2, (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)),
        ((0.0, 0.1, 0.2), 1, 1, (0.0, 0.05, 0.1, 0.2, 0.4)),
        ((8, 16, 32), 1, 1, (4, 8, 16, 32, 64)),
        ((0.001, 0.00316228), 0, 2, (0.001, 0.00316228, 0.01, 0.0316228)),
        ((0.0001, 0.0002), 1, 0, (0.00005, 0.0001, 0.0002)),
    ],
)
def test_values_by_hand(values, down, up, expected):
    found = Axis("width", values).extended(down=down, up=up).values
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


@pytest.mark.parametrize(
    ("kept", "given", "expected"),
    [
        ([], ["learning_rate=up"], ["learning_rate=up:2"]),
        (["learning_rate=up:2"], [], ["learning_rate=up:2"]),
        (["learning_rate=up:2"], ["learning_rate=up:4"], ["learning_rate=up:4"]),
        (["learning_rate=up:2"], ["learning_rate=up:0"], []),
        (
            ["learning_rate=up:2"],
            ["learning_rate=down:1", "weight_decay=up:1"],
            ["learning_rate=up:2", "learning_rate=down:1", "weight_decay=up:1"],
        ),
    ],
)
def test_what_is_given_replaces_what_is_kept_of_one_end(kept, given, expected):
    assert combined(kept, given) == expected


def test_values_of_full_precision_go_on_in_full_precision():
    axis = Axis("learning_rate", tuple(np.logspace(-4, -2, 7)))
    longer = axis.extended(up=3).values
    assert longer[:7] == axis.values
    np.testing.assert_allclose(longer[7:], np.logspace(-2, -1, 4)[1:], rtol=1e-11)
    assert longer[-1] == 0.1


def test_the_values_of_a_moved_grid_stay():
    axis = Axis.geometric("learning_rate", centre=1e-3, ratio=math.sqrt(10), num=5)
    moved = axis.scaled(1 / 3)
    longer = moved.extended(down=2, up=2).values
    assert longer[2:-2] == moved.values
    np.testing.assert_allclose(
        np.divide(longer[1:], longer[:-1]), math.sqrt(10), rtol=3e-6
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("learning_rate", (1e-3,)),
        ("learning_rate", (1e-3, 3e-3, 1e-2)),
        ("weight_decay", (0.0, 0.1)),
        ("beta_1", (0.45, 0.9)),
        ("activation", ("relu", "tanh")),
    ],
)
def test_axes_without_a_ratio_are_refused(name, values):
    with pytest.raises(ValueError, match=f"Axis '{name}' cannot be extended: that"):
        Axis(name, values).extended(up=1)


def test_whole_numbers_stay_whole():
    with pytest.raises(ValueError, match="are whole numbers, and the next one would"):
        Axis("batch_size", (5, 10)).extended(down=1)
    with pytest.raises(
        ValueError, match="extended by 0 to 100 steps. Received: down=-"
    ):
        Axis("batch_size", (5, 10)).extended(down=-1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate=up", Extension("learning_rate", up=2)),
        ("learning_rate=down:3", Extension("learning_rate", down=3)),
        ("width=up:100", Extension("width", up=100)),
    ],
)
def test_an_extension_as_text(text, expected):
    assert Extension.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=up",
        "learning_rate",
        "learning_rate=",
        "learning_rate=left",
        "learning_rate=up:",
        "learning_rate=up:-1",
        "learning_rate=up:1.5",
        "learning_rate=up:101",
        "learning_rate=up:²",
        "learning_rate=2",
    ],
)
def test_what_is_no_extension_is_refused(text):
    with pytest.raises(ValueError, match="learning_rate=up:2") as caught:
        Extension.parse(text)
    assert repr(text) in str(caught.value)


# --- plans and studies ---


def keys(study):
    return {run.key for run in study.runs("blobs", "smoke", "jax")}


def test_a_longer_study_has_all_runs_of_the_shorter():
    study = tiny_study(tiny_plan((1e-3, 1e-2), (0.0, 0.1, 0.2)))
    assert study.extended("blobs", "smoke", []) is study
    longer = study.extended("blobs", "smoke", ["learning_rate=up:1", "weight_decay=up"])
    assert keys(study) < keys(longer)
    assert len(keys(study)) == 2 * 3 * 2 * 2
    assert len(keys(longer)) == 3 * 5 * 2 * 2
    assert longer.declaration()["hash"] != study.declaration()["hash"]


def test_each_space_that_has_the_axis_is_extended():
    rates = Axis("learning_rate", (1e-3, 1e-2))
    lines = [
        SearchSpace((Axis("weight_decay", decays), Axis("learning_rate", (rate,))))
        for rate, decays in ((1e-3, (1.0, 2.0)), (1e-2, (0.1, 0.2)))
    ]
    plan = Plan({"sgd": SearchSpace((rates,)), "lion": lines}, epochs=1, seeds=1)
    longer = plan.extended(Extension("weight_decay", down=1))
    assert longer.configurations("sgd") == plan.configurations("sgd")
    assert [c["weight_decay"] for c in longer.configurations("lion")] == [
        *(0.5, 1.0, 2.0),
        *(0.05, 0.1, 0.2),
    ]


def test_an_axis_that_no_space_has_is_refused():
    with pytest.raises(
        ValueError,
        match="'momentum' to extend. The axes are: weight_decay, learning_rate",
    ):
        tiny_study().extended("blobs", "smoke", ["momentum=up"])


def test_one_text_in_place_of_a_list_is_refused(tmp_path):
    """It would be read letter by letter."""
    one = "learning_rate=up:1"
    named = r"must be a list of texts, such as \['learning_rate=up:1'\]"
    with pytest.raises(ValueError, match=f"`extensions` {named}"):
        tiny_study().extended("blobs", "smoke", one)
    with pytest.raises(ValueError, match=f"`extend` {named}"):
        run_study(tiny_study(), preset="smoke", output=tmp_path / "none", extend=one)
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match=r"`metrics` must be a list.*\['mae'\]"):
        tiny_task(metric="mae", metrics="mae")
    for name in ("axes", "ignore", "diverged_states"):
        with pytest.raises(ValueError, match=rf"`{name}` must be a list.*\['depth'\]"):
            read_runs(tmp_path / "runs.csv", **{name: "depth"})
