"""Search spaces of numbers, text and booleans: keys, declarations, inactive ones."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_lion.tuning import Axis, SearchSpace
from keras_lion.tuning.study import Plan
from tests.tuning.tiny import BETAS, only_run, tiny_plan, tiny_study, tiny_task

RATE = Axis("learning_rate", (0.01,))
NUMBERS = st.floats(-(2.0**90), 2.0**90, width=32) | st.integers(-1000, 1000)
AXES = {
    "number": st.lists(NUMBERS, min_size=1, max_size=3).map(
        lambda values: tuple(sorted(set(values)))
    ),
    "text": st.lists(st.text(min_size=1, max_size=3), min_size=1, unique=True).map(
        lambda values: tuple(values[:3])
    ),
    "boolean": st.permutations([True, False]).map(tuple),
}


def axes(kinds):
    names = [f"h{k}" for k in range(4)]
    values = st.lists(st.sampled_from(kinds).flatmap(AXES.get), min_size=1, max_size=4)
    return values.map(lambda each: tuple(map(Axis, names, each)))


def model(hp):
    return [hp.get(name) for name in hp.values]


def the_runs(space, model=model, seeds=1, **arguments):
    plan = Plan({"lion": space}, epochs=1, seeds=seeds)
    return tiny_study(plan, tiny_task(model=model)).runs("blobs", "smoke", "jax")


@given(axes(["number", "text", "boolean"]))
def test_values_keep_their_kinds_and_keys_tell_configurations_apart(found):
    space = SearchSpace((*found, RATE), BETAS["lion"])
    runs = the_runs(space)
    expected = list(itertools.product(*(axis.values for axis in found)))
    assert len(runs) == len(expected) == len({run.key for run in runs})
    made = {tuple(value for _, value in run.extra) for run in runs}
    assert made == set(expected)
    for run in runs:
        for axis, (name, value) in zip(found, run.extra, strict=True):
            assert name == axis.name
            for kind in (bool, str):
                assert isinstance(value, kind) == isinstance(axis.values[0], kind)
        recorded = json.loads(json.dumps(run.columns()))
        assert {name: recorded[name] for name, _ in run.extra} == dict(run.extra)
    again = the_runs(space)
    assert [run.key for run in again] == [run.key for run in runs]


@given(axes(["number"]))
def test_keys_of_numbers_are_those_of_the_first_records(found):
    for run in the_runs(SearchSpace((*found, RATE), BETAS["lion"])):
        identity = dataclasses.asdict(run)
        del identity["preset"]
        identity["model"] = identity.pop("extra")
        for name in ("steps", "model"):
            if not identity[name]:
                del identity[name]
        text = json.dumps(identity, sort_keys=True)
        assert run.key == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_keys_of_booleans_are_those_of_ones_and_zeros():
    # They were recorded so before booleans had a kind of their own.
    kept = [the_runs(SearchSpace((RATE,), {"norm": norm}))[0] for norm in (True, 1)]
    assert kept[0].key == kept[1].key
    assert [dict(run.extra)["norm"] for run in kept] == [True, 1]
    assert type(dict(kept[0].extra)["norm"]) is bool
    both = [SearchSpace((RATE,), {"norm": norm}) for norm in (True, 1)]
    assert len(the_runs(both)) == 1


def test_text_that_looks_like_a_number_is_another_configuration():
    keys = {the_runs(SearchSpace((RATE,), {"h": h}))[0].key for h in ("1", 1, "True")}
    assert len(keys) == 3


def test_a_name_has_one_kind_in_a_plan():
    spaces = [SearchSpace((RATE,), {"norm": norm}) for norm in ("batch", True)]
    with pytest.raises(ValueError, match="text and other values for 'norm'"):
        Plan({"lion": spaces}, epochs=1, seeds=1)
    with pytest.raises(ValueError, match="text and other values for 'norm'"):
        Plan(dict(zip(("lion", "adamw"), spaces, strict=True)), epochs=1, seeds=1)


def test_the_declaration_is_json():
    space = SearchSpace((Axis("activation", ("relu", "tanh")), RATE), {"norm": True})
    plan = dataclasses.replace(tiny_plan(), spaces={"lion": space})
    declared = json.loads(json.dumps(tiny_study(plan).declaration()))
    found = declared["plans"]["blobs"]["smoke"]["spaces"]["lion"]
    assert found["axes"][0]["values"] == ["relu", "tanh"]
    assert found["fixed"] == {"norm": True}


# --- hyperparameters that some models do not read ---


def layers(hp):
    return [hp.Int(f"units_{k}", 4, 8) for k in range(hp.Int("layers", 1, 2))]


LAYERS = SearchSpace(
    (
        Axis("layers", (1, 2)),
        Axis("units_0", (4, 8)),
        Axis("units_1", (4, 8)),
        RATE,
    )
)


def test_runs_that_differ_in_what_is_not_read_are_one():
    runs = the_runs(LAYERS, layers, seeds=2)
    assert len(runs) == 2 * (2 + 4)
    assert len({run.key for run in runs}) == len(runs)
    for run in runs:
        assert ("units_1" in dict(run.extra)) == (dict(run.extra)["layers"] == 2)
    shallow = SearchSpace((Axis("units_0", (4, 8)), RATE), {"layers": 1})
    of_shallow = {run.key for run in the_runs(shallow, layers, seeds=2)}
    assert of_shallow < {run.key for run in runs}


def test_what_no_model_reads_stays_to_be_refused():
    space = SearchSpace((*LAYERS.axes, Axis("unit", (4, 8))))
    assert all("unit" in dict(run.extra) for run in the_runs(space, layers))


def test_an_option_of_the_optimizer_is_never_left_out():
    def model(hp):
        return hp.Choice("act", ["a", "b"]) == "a" and hp.Float("nesterov", 0.0, 1.0)

    space = SearchSpace((Axis("act", ("a", "b")), RATE), {"nesterov": 1})
    plan = Plan({"own": space}, epochs=1, seeds=1)
    study = tiny_study(plan, tiny_task(model=model))
    of_model = study.runs("blobs", "smoke", "jax")
    assert sum("nesterov" in dict(run.extra) for run in of_model) == 1
    study = dataclasses.replace(study, optimizers={"own": lambda nesterov: nesterov})
    of_optimizer = study.runs("blobs", "smoke", "jax")
    assert all("nesterov" in dict(run.extra) for run in of_optimizer)


def test_a_configuration_whose_model_cannot_be_built_is_kept_whole():
    def model(hp):
        if hp.Choice("act", ["a", "b"]) == "b":
            raise RuntimeError
        return hp.Int("units", 4, 8)

    space = SearchSpace((Axis("act", ("a", "b")), RATE), {"units": 4})
    assert all(len(run.extra) == 2 for run in the_runs(space, model))


def test_models_without_hyperparameters_are_not_built():
    def model():
        raise AssertionError

    study = tiny_study(task=tiny_task(model=model))
    assert only_run(study, optimizer="lion", seed=0, learning_rate=1e-2, weight_decay=0)
