"""Studies and searches over hyperparameters of every kind."""

from __future__ import annotations

import dataclasses
import json
import warnings

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest

from keras_lion.tuning import Axis, SearchSpace, load_runs, run_search, run_study
from keras_lion.tuning.kerastuner import forget
from keras_lion.tuning.runs.records import load_study, read_records
from keras_lion.tuning.study import Plan
from keras_lion.tuning.sweep.estimate import estimate
from keras_lion.tuning.sweep.oracle import StudyOracle
from keras_lion.tuning.sweep.search import SearchWarning
from tests.tuning.tiny import BETAS, tiny_study, tiny_task

ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
}
RATE = Axis("learning_rate", (1e-2,))


def network(hp):
    """Depth decides the widths, `norm` the momentum, `activation` is text."""
    built = [keras.layers.Input((4,))]
    for k in range(hp.Int("layers", 1, 2)):
        built.append(
            keras.layers.Dense(
                hp.Int(f"units_{k}", 4, 8, step=4),
                activation=hp.Choice("activation", ["relu", "tanh"]),
            )
        )
    if hp.Boolean("norm"):
        with hp.conditional_scope("norm", [True]):
            momentum = hp.Float("momentum", 0.5, 1.0)
        built.append(keras.layers.BatchNormalization(momentum=momentum))
    return keras.Sequential([*built, keras.layers.Dense(3)])


def space(**more):
    hp = keras_tuner.HyperParameters()
    hp.Float("learning_rate", 1e-3, 1e-1, sampling="log")
    hp.Int("layers", 1, 2)
    for k in range(2):
        hp.Int(f"units_{k}", 4, 8, step=4)
    hp.Choice("activation", ["relu", "tanh"])
    hp.Boolean("norm")
    with hp.conditional_scope("norm", [True]):
        hp.Float("momentum", 0.5, 0.9)
    hp.Fixed("weight_decay", 0.1)
    return hp


def an_oracle(kind="random", hp=None, **arguments):
    budget = {"max_epochs": 1} if kind == "hyperband" else {"max_trials": 4}
    return ORACLES[kind](
        objective=keras_tuner.Objective("score", "max"),
        hyperparameters=hp or space(),
        seed=2,
        **budget | arguments,
    )


def search(folder, oracle, **arguments):
    task = arguments.pop("task", None) or tiny_task(model=network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SearchWarning)
        run_search(
            task,
            oracle,
            output=folder,
            **{"optimizer": "lion", "epochs": 1, **arguments},
        )
    return load_runs(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ORACLES)
def test_a_search_over_a_conditional_space(tmp_path, kind):
    more = {
        "random": {"max_trials": 5},
        "bayesian": {"num_initial_points": 3, "max_trials": 4},
        "hyperband": {"max_epochs": 2, "factor": 2},
    }[kind]
    frame = search(tmp_path, an_oracle(kind, **more), epochs=more.get("max_epochs", 1))
    assert "failed" not in set(frame["status"])
    assert frame["score"].notna().all()
    assert len(frame) == load_study(tmp_path)["search"]["max_trials"]
    assert set(frame["layers"]) == {1, 2}
    assert (frame["units_1"].notna() == (frame["layers"] == 2)).all()
    momenta = frame.get("momentum", pd.Series(np.nan, frame.index))
    assert (momenta.notna() == frame["norm"]).all()
    assert frame["norm"].dtype == bool
    assert frame["layers"].dtype == frame["units_0"].dtype == np.int64
    assert set(frame["activation"]) <= {"relu", "tanh"}
    assert set(frame["weight_decay"]) == {0.1}
    assert set(frame["seed"]) == {0}
    assert not [name for name in frame if "/" in name]
    if kind == "hyperband":
        assert set(frame["epochs"]) == {1, 2}
        # What is promoted has the same hyperparameters and another budget.
        others = ["learning_rate", "layers", "units_0", "activation", "norm"]
        assert frame.groupby(others)["epochs"].nunique().max() > 1


@pytest.mark.slow
def test_a_search_goes_on_where_it_stopped(tmp_path):
    whole = search(tmp_path / "whole", an_oracle())
    part = tmp_path / "part"
    (part).mkdir()
    lines = (tmp_path / "whole" / "runs-0.jsonl").read_bytes().splitlines(True)
    (part / "runs-0.jsonl").write_bytes(b"".join(lines[:2]))
    again = search(part, an_oracle())
    columns = ["key", "score", "activation", "norm"]
    assert again[columns].equals(whole[columns])
    assert len((part / "runs-0.jsonl").read_bytes().splitlines()) == 4


@pytest.mark.slow
def test_trials_that_differ_in_what_is_not_read_are_trained_once(tmp_path):
    hp = keras_tuner.HyperParameters()
    hp.Fixed("learning_rate", 1e-2)
    hp.Fixed("layers", 1)
    hp.Choice("units_1", [4, 8])
    with pytest.raises(ValueError, match="names units_1, .* It reads: activation"):
        search(tmp_path / "none", an_oracle(hp=hp))
    hp = keras_tuner.HyperParameters()
    hp.Fixed("learning_rate", 1e-2)
    hp.Int("layers", 1, 2)
    hp.Choice("units_1", [4, 8])
    for population in (1, 2):
        folder = tmp_path / str(population)
        frame = search(folder, an_oracle(hp=hp), population=population, executor="loop")
        assert len(frame) == len(read_records(folder)) == 3
        lines = (folder / "runs-0.jsonl").read_bytes().splitlines()
        assert len(lines) == 3


def test_what_no_model_of_a_search_reads_is_refused_before_a_run(tmp_path):
    hp = space()
    hp.Int("unit", 4, 8)
    with pytest.raises(ValueError, match=r"names unit, .*reads: activation, .*units_1"):
        search(tmp_path, an_oracle(hp=hp))
    with pytest.raises(ValueError, match="names widht, which is no option"):
        search(tmp_path, an_oracle(), fixed={"widht": 3})
    assert not list(tmp_path.glob("runs-*.jsonl"))


def test_a_condition_may_be_read_by_nobody(tmp_path):
    hp = keras_tuner.HyperParameters()
    hp.Fixed("learning_rate", 1e-2)
    hp.Boolean("decays")
    hp.Float("weight_decay", 0.1, 0.2, parent_name="decays", parent_values=[True])
    frame = search(tmp_path, an_oracle(hp=hp, max_trials=5), task=tiny_task())
    assert "decays" not in frame
    assert frame["weight_decay"].eq(0).sum() == 1
    assert frame["weight_decay"].gt(0).any()


def test_options_of_the_optimizer_are_searched_too(tmp_path):
    hp = keras_tuner.HyperParameters()
    hp.Fixed("learning_rate", 1e-2)
    hp.Boolean("cautious")
    hp.Choice("weight_decay_coupling", ["learning_rate", "schedule"])
    frame = search(tmp_path, an_oracle(hp=hp, max_trials=4), task=tiny_task())
    assert frame["cautious"].dtype == bool
    assert set(frame["weight_decay_coupling"]) == {"learning_rate", "schedule"}


def test_a_model_that_cannot_be_built_is_a_failed_run(tmp_path):
    def model(hp):
        if hp.Choice("activation", ["tanh", "wrong"]) == "wrong":
            raise RuntimeError("no such activation")
        return network(hp)

    hp = keras_tuner.HyperParameters()
    hp.Float("learning_rate", 1e-3, 1e-1, sampling="log")
    hp.Choice("activation", ["tanh", "wrong"])
    oracle = an_oracle(hp=hp, max_consecutive_failed_trials=10)
    frame = search(tmp_path, oracle, task=tiny_task(model=model))
    failed = frame["activation"] == "wrong"
    assert failed.any()
    assert (frame["status"] == "failed").eq(failed).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_epochs": 3}, "epochs=1 and max_epochs=3"),
        ({"hyperband_iterations": None}, "hyperband_iterations=None"),
    ],
)
def test_a_hyperband_that_does_not_fit_is_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        search(tmp_path, an_oracle("hyperband", **arguments))


def test_a_text_is_no_seed(tmp_path):
    hp = space()
    hp.Choice("seed", ["a", "b"])
    with pytest.raises(ValueError, match="'seed' must be a number. Received: '[ab]'"):
        search(tmp_path, an_oracle(hp=hp))


# --- studies ---


def a_study(axes, optimizers=("adamw", "lion"), seeds=1, model=network, **fixed):
    spaces = {
        name: SearchSpace((*axes, RATE), {**BETAS[name], "weight_decay": 0.1, **fixed})
        for name in optimizers
    }
    plan = Plan(spaces, epochs=1, seeds=seeds)
    return tiny_study(plan, tiny_task(model=model))


def sweep(study, folder, **arguments):
    return load_runs(run_study(study, preset="smoke", output=folder, **arguments))


ACTIVATION = Axis("activation", ("relu", "tanh"))


@pytest.mark.parametrize(("executor", "population"), [("loop", 1), ("vmap", 4)])
def test_a_study_over_a_text_axis(tmp_path, executor, population):
    study = a_study((ACTIVATION, Axis("norm", (False,))), seeds=2, units_0=4)
    settings = {"executor": executor, "population": population}
    frame = sweep(study, tmp_path, **settings)
    assert len(frame) == 2 * 2 * 2
    assert "failed" not in set(frame["status"])
    assert set(frame["seed"]) == {0, 1}
    cells = frame.groupby(["optimizer", "activation", "norm"])
    assert (cells["seed"].nunique() == 2).all()
    assert frame["norm"].dtype == bool
    assert frame.groupby("seed")["final_loss"].nunique().eq(4).all()
    before = (tmp_path / "runs-0.jsonl").read_bytes()
    sweep(study, tmp_path, **settings)
    assert (tmp_path / "runs-0.jsonl").read_bytes() == before
    key = frame["key"][0]
    sweep(study, tmp_path, only=key)
    assert len((tmp_path / "runs-0.jsonl").read_bytes().splitlines()) == len(frame) + 1


def test_a_study_leaves_out_what_is_not_read(tmp_path):
    axes = (Axis("layers", (1, 2)), Axis("units_1", (4, 8)))
    frame = sweep(a_study(axes), tmp_path)
    assert len(frame) == 2 * 3
    assert (frame["units_1"].notna() == (frame["layers"] == 2)).all()
    where = {"task": "blobs", "preset": "smoke", "output": tmp_path}
    assert estimate(a_study(axes), **where).missing == 0


def test_what_no_model_of_a_study_reads_is_refused_before_a_run(tmp_path):
    layers = Axis("layers", (1, 2))
    study = a_study((layers, Axis("unit_1", (4, 8))))
    message = r"names unit_1, .* It reads: activation, layers, .*units_1"
    with pytest.raises(ValueError, match=message):
        sweep(study, tmp_path)
    with pytest.raises(ValueError, match=message):
        estimate(study, task="blobs", preset="smoke", output=tmp_path)
    # Also where only the last of the optimizers has it.
    spaces = dict(a_study((layers,)).plan("blobs", "smoke").spaces)
    spaces["lion"] = SearchSpace((RATE, Axis("cautios", (False, True))), {"layers": 1})
    plan = Plan(spaces, epochs=1, seeds=1)
    with pytest.raises(ValueError, match="names cautios, which is no option"):
        sweep(tiny_study(plan, tiny_task(model=network)), tmp_path)
    assert not list(tmp_path.glob("runs-*.jsonl"))


def test_options_of_ones_own_optimizer_are_text_and_booleans(tmp_path):
    seen = []

    def own(kind, nesterov):
        seen.append((kind, nesterov))
        classes = {"sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}
        return classes[kind](**{"nesterov": nesterov} if kind == "sgd" else {})

    axes = (Axis("kind", ("sgd", "rmsprop")), Axis("nesterov", (False, True)), RATE)
    plan = Plan({"own": SearchSpace(axes)}, epochs=1, seeds=1)
    study = dataclasses.replace(tiny_study(plan), optimizers={"own": own})
    frame = sweep(study, tmp_path)
    assert len(frame) == 4
    assert set(map(type, (nesterov for _, nesterov in seen))) == {bool}
    assert set(frame["kind"]) == {"sgd", "rmsprop"}


@pytest.mark.parametrize(
    ("optimizer", "fixed", "message"),
    [
        ("sgd", {"beta_1": 0.9}, "does not read beta_1: leave it out.* none"),
        (
            "signum",
            {"beta_1": 0.9, "beta_2": 0.99},
            "does not read beta_2.*reads beta_1",
        ),
        ("sgd_momentum", {}, 'needs beta_1, .*fixed={"beta_1": 0.9}'),
        ("signum", {}, 'needs beta_1, .*fixed={"beta_1": 0.9}'),
        ("adamw", {}, 'needs beta_1 and beta_2, .*: 0.9, "beta_2": 0.999}'),
        ("lion", {"beta_1": 0.9}, 'needs beta_2, .*fixed={"beta_2": 0.99}'),
        ("own", {"beta_1": 0.9}, "needs clip, which"),
    ],
)
def test_what_an_optimizer_needs_and_lacks_is_named_before_a_run(
    tmp_path, optimizer, fixed, message
):
    def own(beta_1, clip, nesterov=False):
        return keras.optimizers.SGD(momentum=beta_1, nesterov=nesterov, clipnorm=clip)

    plan = Plan({optimizer: SearchSpace((RATE,), fixed)}, epochs=1, seeds=1)
    study = dataclasses.replace(tiny_study(plan), optimizers={"own": own})
    with pytest.raises(ValueError, match=f"'{optimizer}' {message}"):
        sweep(study, tmp_path)
    assert not list(tmp_path.glob("runs-*.jsonl"))


def test_trials_carry_every_kind_to_workers_and_files(tmp_path):
    study = a_study((ACTIVATION, Axis("norm", (True,))), ("lion",))
    runs = study.runs("blobs", "smoke", "jax")
    oracle = StudyOracle(runs, dict, tmp_path)
    trial = oracle.create_trial("worker-0")
    values = trial.hyperparameters.values
    assert values["activation"] in ("relu", "tanh")
    sent = type(trial).from_proto(trial.to_proto()).hyperparameters.values
    saved = json.loads(json.dumps(trial.get_state()))["hyperparameters"]["values"]
    for found in (sent, saved):
        assert found == values
        assert found["norm"] is True
    forget(oracle)
