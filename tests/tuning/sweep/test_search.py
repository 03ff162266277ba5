"""Searches by KerasTuner's own oracles."""

from __future__ import annotations

import warnings

import keras_tuner
import pytest

from keras_lion.tuning import load_runs
from keras_lion.tuning.runs.records import load_study
from keras_lion.tuning.sweep.search import SearchWarning, run_search
from tests.tuning.tiny import network, tiny_task

RANDOM = keras_tuner.oracles.RandomSearchOracle
BAYESIAN = keras_tuner.oracles.BayesianOptimizationOracle
SCORE = keras_tuner.Objective("score", "max")
SETTINGS = {"optimizer": "lion", "epochs": 2, "fixed": {"weight_decay": 1.0}}


def an_oracle(kind=RANDOM, *, seed=3, max_trials=5, space=None, **arguments):
    if space is None:
        space = keras_tuner.HyperParameters()
        space.Float("learning_rate", 1e-3, 1e3, sampling="log")
        space.Int("batch_size", 8, 8)
    arguments = {"objective": SCORE, **arguments}
    return kind(max_trials=max_trials, hyperparameters=space, seed=seed, **arguments)


def search(folder, oracle, task=None, **arguments):
    reports = []
    run_search(
        task or tiny_task(),
        oracle,
        output=folder,
        progress=reports.append,
        **{**SETTINGS, **arguments},
    )
    return reports


def test_a_search_is_recorded_and_goes_on_where_it_stopped(tmp_path):
    search(tmp_path / "whole", an_oracle())
    whole = load_runs(tmp_path / "whole")
    assert len(whole) == 5
    assert set(whole["preset"]) == {"search"}
    assert set(whole["batch_size"]) == {8}  # the task says 16
    assert whole["learning_rate"].is_unique
    assert "diverged" in set(whole["status"])  # with the floor as their score
    assert whole["score"].notna().all()
    assert load_study(tmp_path / "whole")["search"]["seed"] == 3

    def interrupt(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    part = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt):
        run_search(
            tiny_task(), an_oracle(), output=part, progress=interrupt, **SETTINGS
        )
    reports = search(part, an_oracle(), population=2, executor="loop")
    assert [(r.total, r.skipped, r.done) for r in reports[:2]] == [(5, 2, 0), (5, 2, 1)]
    assert len(reports) == 1 + 3
    columns = ["key", "score", "final_loss"]
    assert load_runs(part)[columns].equals(whole[columns])


def test_another_seed_is_refused_with_the_reason(tmp_path):
    search(tmp_path, an_oracle(max_trials=1))
    with pytest.raises(ValueError, match="Give the oracle seed=3 .* instead of 0"):
        search(tmp_path, an_oracle(seed=0))
    with pytest.raises(ValueError, match="holds study 'search', not 'other'"):
        search(tmp_path, an_oracle(), name="other")


def test_what_cannot_be_searched_is_refused(tmp_path):
    grid = keras_tuner.oracles.GridSearchOracle
    for oracle, message in (
        (an_oracle(grid), "Received: GridSearchOracle"),
        (
            an_oracle(objective="val_loss"),
            "Received: RandomSearchOracle with objective",
        ),
        (an_oracle(objective=keras_tuner.Objective("score", "min")), "'score', 'max'"),
        (None, "Received: NoneType"),
    ):
        with pytest.raises(ValueError, match=message):
            search(tmp_path, oracle)
    space = keras_tuner.HyperParameters()
    space.Float("weight_decay", 0.1, 1.0)
    with pytest.raises(ValueError, match="needs a `learning_rate`"):
        search(tmp_path, an_oracle(space=space))
    space.Float("learning_rat", 0.1, 1.0)
    oracle = an_oracle(space=space)
    with pytest.raises(ValueError, match="names learning_rat"):
        search(tmp_path, oracle, fixed={"learning_rate": 0.1})


def test_known_weaknesses_of_the_oracles_are_told(tmp_path):
    def cautions(name, oracle, **arguments):
        # Not `pytest.warns`, which would pass on the warnings of KerasTuner as errors.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            search(tmp_path / name, oracle, **arguments)
        return [str(w.message) for w in caught if w.category is SearchWarning]

    bayesian = an_oracle(BAYESIAN, max_trials=2)
    (caution,) = cautions("1", bayesian, population=2, executor="loop")
    assert "asks for 2 runs that are nearly the same" in caution
    assert cautions("2", an_oracle(BAYESIAN, max_trials=1)) == []
    space = keras_tuner.HyperParameters()
    space.Choice("learning_rate", [1e-3, 1e-2])
    (caution,) = cautions("3", an_oracle(space=space, max_trials=1))
    assert "before it has tried every point" in caution


def test_a_search_of_failures_says_why_it_ends(tmp_path):
    calls = []

    def model():
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError("no model")
        return network()

    with pytest.raises(RuntimeError, match="3 runs in a row failed .*no model"):
        search(tmp_path, an_oracle(), tiny_task(model=model))
    assert set(load_runs(tmp_path)["status"]) == {"failed"}


def test_a_model_that_cannot_be_built_is_told_in_one_line(tmp_path):
    def model():
        raise RuntimeError("two\nlines")

    with pytest.raises(ValueError, match="'blobs' cannot be prepared: .*two") as found:
        search(tmp_path, an_oracle(), tiny_task(model=model))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("fits", [False, True])
@pytest.mark.parametrize("optimizer", ["signum", "sgd_momentum", "cautious_lion"])
def test_every_optimizer_has_its_usual_betas(tmp_path, optimizer, fits):
    task = tiny_task(callbacks=list) if fits else tiny_task()
    search(tmp_path, an_oracle(max_trials=1), task, optimizer=optimizer)
    runs = load_runs(tmp_path)
    assert set(runs["status"]) <= {"ok", "diverged"}
    assert set(runs["beta_1"]) == {0.9}


def test_an_optimizer_without_what_it_needs_is_refused_before_a_run(tmp_path):
    with pytest.raises(ValueError, match="Unknown optimizer 'lyon'. Known: .* lion"):
        search(tmp_path, an_oracle(), optimizer="lyon")
    assert not list(tmp_path.glob("runs-*.jsonl"))


def test_start_and_end_are_told_where_nobody_shows_progress(tmp_path, capsys):
    folder = tmp_path / "told"
    run_search(tiny_task(), an_oracle(max_trials=2), output=folder, **SETTINGS)
    start, end = capsys.readouterr().err.splitlines()[-2:]
    assert start == (
        f"Up to 2 trials in {folder}. If this search is interrupted, a new oracle with "
        "seed=3 resumes it."
    )
    report = f"Report: keras-lion report {folder}"
    assert end == f"2 of 2 trials are recorded in {folder}. {report}"
    search(tmp_path / "shown", an_oracle(max_trials=1))
    assert "recorded in" not in capsys.readouterr().err
