"""How runs split into conditions, and what is refused instead of pooled."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from keras_lion.robustness import Landscape, decide, iso_product, summarize
from keras_lion.robustness.batch_size import landscapes_of_batch_sizes
from keras_lion.robustness.frames.conditions import (
    conditions_of,
    follows_learning_rate,
    label_of,
    own_columns,
    parts_of,
    setting_text,
    varies,
)
from keras_lion.robustness.frames.runs import curves_of_cell
from keras_lion.robustness.frames.transfer import transfer_curve
from keras_lion.robustness.summary import runs_of_preset, selected_keys
from keras_lion.tuning.study.comparison import Comparison

from .made_up import run, study

VALUES = st.sampled_from([None, math.nan, True, False, "relu", "tanh", "0.5", 0.5, 8])


def copies(frame=None, **columns):
    """A study once for each value of a column."""
    frame = study(size=2, seeds=2) if frame is None else frame
    ((name, values),) = columns.items()
    return pd.concat(
        [
            frame.assign(**{name: [value] * len(frame)}, key=f"{value} " + frame["key"])
            for value in values
        ],
        ignore_index=True,
    )


def conditional():
    """Momentum of 0.5 or 0.9 with `norm`, none without, under both activations."""
    plain = copies(activation=("relu", "tanh"))
    norm = plain.assign(norm=True, key="n" + plain["key"])
    norm = copies(norm, momentum=(0.5, 0.9))
    return pd.concat([norm, plain.assign(norm=False)], ignore_index=True)


def changed(frame, optimizer, **columns):
    """Some columns replaced in the runs of one optimizer."""
    frame = frame.copy()
    for name, value in columns.items():
        frame[name] = frame[name].astype(object)
        frame.loc[frame["optimizer"] == optimizer, name] = value
    return frame


@st.composite
def frames(draw):
    """Runs of two or three optimizers with own columns of every kind."""
    optimizers = ["adamw", "lion", "signum"][: draw(st.integers(2, 3))]
    rows = [
        {
            "optimizer": draw(st.sampled_from(optimizers)),
            "batch_size": draw(st.sampled_from([16, 32, math.nan])),
            **{name: draw(VALUES) for name in ("a", "b", "c")},
        }
        for _ in range(draw(st.integers(1, 12)))
    ]
    frame = pd.DataFrame(rows)
    # An optimizer may lack a column as a whole.
    for name in ("a", "b", "c"):
        if draw(st.booleans()):
            frame[name] = frame[name].astype(object)
            frame.loc[frame["optimizer"] == "adamw", name] = None
    return frame.assign(task="digits")


@settings(max_examples=150)
@given(frames())
def test_no_run_is_lost_and_nothing_is_pooled(frame):
    parts = parts_of(frame)
    found = [set(part.runs.index) for part in parts]
    assert set.union(*found) == set(frame.index)
    assert len({part.label for part in parts}) == len(parts)
    for part in parts:
        for name in ("batch_size", *own_columns(frame)):
            assert not varies(part.runs, name)
            for _, runs in part.runs.groupby("optimizer"):
                texts = {setting_text(value) for value in runs[name]}
                if name in part.values and texts - {""}:
                    assert texts == {setting_text(part.values[name])}
    # Runs that have a value of every column that splits belong to one part.
    names = {name for part in parts for name in part.values}
    counts = pd.Series([index for part in found for index in part]).value_counts()
    for index, row in frame.iterrows():
        if all(setting_text(row[name]) for name in names):
            assert counts[index] == 1


def test_a_conditional_hyperparameter_comes_after_its_condition():
    frame = conditional()
    parts = parts_of(frame)
    assert [part.label for part in parts] == [
        f"activation {activation}, {rest}"
        for activation in ("relu", "tanh")
        for rest in (
            "norm False",
            "norm True, momentum 0.5",
            "norm True, momentum 0.9",
        )
    ]
    assert sum(len(part.runs) for part in parts) == len(frame)
    assert dict(parts[0].values) == {"activation": "relu", "norm": False}
    # Its gaps say that it depends on the other, wherever its column stands.
    first = frame[["momentum", *frame.columns.drop("momentum")]]
    assert [part.label for part in parts_of(first)] == [part.label for part in parts]


def test_without_a_value_is_a_part_of_its_own():
    frame = copies(momentum=(0.5, math.nan))
    parts = conditions_of(frame, "digits")
    assert list(parts) == ["momentum 0.5", "without momentum"]
    assert [len(part) for part in parts.values()] == [len(frame) // 2] * 2


def test_an_optimizer_that_lacks_a_column_is_in_every_part():
    frame = copies(cautious=(False, True))
    adamw = frame["optimizer"] == "adamw"
    frame = changed(frame, "adamw", cautious=None)[~adamw | (frame.index < adamw.sum())]
    parts = conditions_of(frame, "digits")
    assert list(parts) == ["cautious False", "cautious True"]
    for part in parts.values():
        assert (part["optimizer"] == "adamw").sum() == (
            frame["optimizer"] == "adamw"
        ).sum()
    keys = selected_keys(frame, "digits")
    assert list(keys) == ["adamw", "lion, cautious False", "lion, cautious True"]
    assert [len(found) for found in keys.values()] == [2, 2, 2]


def test_a_failed_run_that_does_not_know_its_data_is_no_condition():
    frame = study(size=2)
    frame.loc[0, ["status", "train_examples"]] = ["failed", np.nan]
    assert list(conditions_of(frame, "digits")) == [""]


def test_texts_tell_values_apart():
    values = [True, "True", 1, 0.5, "0.5", 1234567, 1234568, "", '""', "a, b", 1e-7]
    assert len({setting_text(value) for value in values}) == len(values)
    assert setting_text(np.True_) == "True"
    assert setting_text(np.float64(0.5)) == "0.5"
    assert setting_text(np.int64(8)) == "8"
    assert setting_text(None) == setting_text(math.nan) == setting_text(pd.NA) == ""
    assert label_of({"a": "relu", "b": None}) == "a relu, without b"


READERS = [
    lambda frame, **where: Landscape.from_runs(frame, optimizer="lion", **where),
    lambda frame, **where: iso_product(frame, optimizer="lion", **where),
    lambda frame, **where: landscapes_of_batch_sizes(frame, optimizer="lion", **where),
]


@pytest.mark.parametrize("read", READERS, ids=["from_runs", "iso_product", "sizes"])
def test_columns_that_vary_are_refused_with_a_remedy_that_works(read):
    frame = conditional()
    message = (
        r"'activation', 'norm', 'momentum' cannot share .*activation: relu, tanh; "
        r"norm: True, False; momentum: 0.5, 0.9, missing. "
        r"Choose one with `where=(\{.*\})`"
    )
    with pytest.raises(ValueError, match=message) as caught:
        read(frame)
    remedy = str(caught.value).split("`where=")[1].split("`")[0]
    assert remedy == "{'activation': 'relu', 'norm': False}"
    read(frame, where={"activation": "relu", "norm": False})
    read(frame, where={"activation": "tanh", "momentum": 0.9})
    read(frame, where={"activation": "tanh", "momentum": None})
    with pytest.raises(ValueError, match="activation='elu'.*activation: relu, tanh"):
        read(frame, where={"activation": "elu"})
    with pytest.raises(ValueError, match="No run has width=3.*width: none"):
        read(frame, where={"width": 3})


def test_a_text_that_goes_with_the_learning_rate_is_not_pooled():
    frame = study(size=2)
    low = frame["learning_rate"] < frame.groupby("optimizer")[
        "learning_rate"
    ].transform("mean")
    frame["activation"] = np.where(low, "relu", "tanh")
    with pytest.raises(ValueError, match=r"activation: relu, tanh.*where="):
        Landscape.from_runs(frame, optimizer="lion")
    with pytest.raises(ValueError, match=r"activation: relu, tanh"):
        transfer_curve(frame, "lion", "adamw")


def test_what_follows_the_learning_rate_of_a_grid():
    frame = study(size=3)
    frame["scale"] = 10 * frame["learning_rate"]
    frame["activation"] = frame["weight_decay"].map(str)
    frame["constant"] = 1.0
    assert follows_learning_rate(frame, "scale")
    assert not follows_learning_rate(frame, "activation")
    assert not follows_learning_rate(frame, "constant")
    # Two values at one learning rate; one weight decay at each, as in a random search.
    twice = frame.assign(scale=frame["scale"] + (frame["seed"] == 0))
    assert not follows_learning_rate(twice, "scale")
    single = frame[
        frame["weight_decay"]
        == frame.groupby("optimizer")["weight_decay"].transform("min")
    ]
    assert not follows_learning_rate(single, "scale")
    # Up and down again; text; two learning rates.
    bent = (frame["learning_rate"] / frame["learning_rate"].median()).map(np.log) ** 2
    assert not follows_learning_rate(frame.assign(scale=bent), "scale")
    assert not follows_learning_rate(
        frame.assign(scale=frame["scale"].map(str)), "scale"
    )
    assert not follows_learning_rate(
        study(size=2).assign(scale=frame["scale"]), "scale"
    )


def test_what_follows_the_learning_rate_makes_no_condition():
    frame = study(size=3)
    frame["scale"] = 10 * frame["learning_rate"]
    (part,) = parts_of(frame)
    assert part.label == ""
    whole = Landscape.from_runs(frame, optimizer="lion")
    plain = Landscape.from_runs(frame.drop(columns="scale"), optimizer="lion")
    np.testing.assert_array_equal(whole.scores, plain.scores)
    # Another hyperparameter still does, and each part is a landscape.
    both = pd.concat(
        [frame.assign(activation=name) for name in ("relu", "tanh")], ignore_index=True
    )
    assert [part.label for part in parts_of(both)] == [
        "activation relu",
        "activation tanh",
    ]


def test_a_line_of_equal_product_is_not_split_by_what_follows_its_learning_rates():
    rates, products = (0.001, 0.004, 0.016), (0.01, 0.04)
    frame = pd.DataFrame(
        [
            run(
                learning_rate=rate,
                weight_decay=product / rate,
                scale=rate,
                seed=seed,
                score=0.5,
                kappa=10.0,
                optimizer=name,
            )
            for name in ("adamw", "lion")
            for product in products
            for rate in rates
            for seed in range(3)
        ]
    )
    comparison = Comparison(
        "lr × λ alone decides.",
        {},
        measure="iso_product_spread",
        sides=("adamw", "lion"),
        margin=1.0,
        unit="points",
    )
    [first, second] = decide(frame, comparison)
    assert first[0] == second[0] == frame["task"].iloc[0]
    assert {first[1].outcome, second[1].outcome} == {"supported"}
    # Another hyperparameter splits it, into lines of all learning rates.
    both = pd.concat([frame.assign(width=1), frame.assign(width=2)])
    found = decide(both, comparison)
    assert len(found) == 4
    assert {verdict.outcome for _, verdict in found} == {"supported"}


def test_missing_next_to_one_value_is_refused():
    frame = copies(momentum=(0.5, math.nan))
    with pytest.raises(ValueError, match=r"momentum: 0.5, missing.*'momentum': 0.5"):
        Landscape.from_runs(frame, optimizer="lion")


def test_other_columns_name_a_choice_that_works():
    frame = pd.DataFrame([run(), run(epochs=7, score=0.5)])
    with pytest.raises(ValueError, match=r"where=\{'epochs': 20\}"):
        Landscape.from_runs(frame, optimizer="lion")
    chosen = Landscape.from_runs(frame, optimizer="lion", where={"epochs": 7})
    assert chosen.best.value == 0.5


def test_curves_are_chosen_by_settings():
    history = {"epoch": [1], "loss": [0.5]}
    frame = copies(pd.DataFrame([run(history=history)]), activation=("relu", "tanh"))
    cell = {"optimizer": "lion", "learning_rate": 1e-3, "weight_decay": 0.1}
    with pytest.raises(ValueError, match="where="):
        curves_of_cell(frame, **cell)
    found = curves_of_cell(frame, **cell, where={"activation": "tanh"})
    assert found.values.shape == (1, 1)


def test_the_summary_names_conditions():
    frame = conditional()
    # One condition is better than the others: its best is that of nobody else.
    frame.loc[frame["momentum"] == 0.9, "final_loss"] -= 0.1
    rows = summarize(frame, task="digits", epsilon=0.05)
    assert len(rows) == 2 * 6
    assert [row.condition for row in rows[::2]] == [
        part.values for part in parts_of(frame)
    ]
    assert sum(row.num_runs for row in rows) == len(frame)
    bests = {label_of(row.condition): row.common_best for row in rows}
    assert len(bests) == 6
    assert bests["activation relu, norm True, momentum 0.9"] == pytest.approx(
        bests["activation relu, norm False"] + 0.1
    )
    (alone,) = summarize(study(size=2, optimizers=("lion",)), task="digits", epsilon=0)
    assert alone.condition == {}
    with pytest.raises(ValueError, match="Received: sgd"):
        summarize(frame, task="digits", epsilon=0.05, optimizers=["sgd"])


def test_selected_keys_are_those_of_one_condition():
    keys = selected_keys(conditional(), "digits")
    assert len(keys) == 2 * 6
    for name, found in keys.items():
        assert len(found) == 2
        assert all(("relu" in key) == ("relu" in name) for key in found)


def test_a_preset_has_no_runs_of_other_settings():
    frame = conditional()
    other = frame["activation"] == "tanh"
    frame.loc[other, "preset"] = "full"
    assert len(runs_of_preset(frame, "full")) == other.sum()
    shared = frame.index == frame.index[other][0]
    frame.loc[shared, "preset"] = "standard"
    assert len(runs_of_preset(frame, "full")) == other.sum()


@pytest.mark.parametrize(
    ("comparison", "places"),
    [
        ({}, [f"digits, activation {each}" for each in ("relu", "tanh")]),
        (
            {"measure": "best_score_per_doubling"},
            [f"digits, activation {each}" for each in ("relu", "tanh")],
        ),
        (
            {
                "measure": "best_score_change",
                "between": {"norm": ({"norm": True}, {"norm": False})},
            },
            [""],
        ),
    ],
    ids=["condition", "task", "study"],
)
def test_what_a_measure_of_each_scope_reads(comparison, places):
    frame = copies(activation=("relu", "tanh"))
    if comparison.get("measure") == "best_score_per_doubling":
        frame = copies(frame, batch_size=(16, 32))
    if "between" in comparison:
        frame = copies(frame, norm=(True, False))
    found = decide(frame, Comparison("", {"digits": 0.05}, **comparison))
    assert [place for place, _ in found] == places
    if places == [""]:
        ((_, verdict),) = found
        assert verdict.outcome == "untestable"
        assert "activation: relu, tanh" in verdict.sentence
        only = frame[frame["activation"] == "relu"]
        ((_, verdict),) = decide(only, Comparison("", {"digits": 0.05}, **comparison))
        assert verdict.outcome != "untestable"
    else:
        assert not any("cannot share" in each.sentence for _, each in found)


def test_optimizers_that_differ_in_a_setting_carry_a_caution():
    frame = study(size=3).assign(cautious=True)
    comparison = Comparison("", {"digits": 0.05})
    ((_, alike),) = decide(frame, comparison)
    assert not any("differ" in reason for reason in alike.reasons)
    ((_, other),) = decide(changed(frame, "adamw", cautious=None), comparison)
    assert other.outcome == alike.outcome
    assert other.reasons == (
        *alike.reasons,
        "The optimizers differ in cautious (adamw none, lion True): a difference "
        "between them may be due to it.",
    )
