"""The report of a sweep that was interrupted reads the declared grid."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from keras_lion.report import pictures
from keras_lion.report.pictures import FIGURES
from keras_lion.report.write import write_report
from keras_lion.robustness.frames.missing_runs import read_plan, with_missing_runs
from keras_lion.robustness.frames.runs import MISSING
from keras_lion.tuning import Axis, SearchSpace, Study, load_runs, run_study
from keras_lion.tuning.study import Comparison, Plan
from tests.tuning.tiny import BETAS, blobs, tiny_task

RATES, DECAYS = (1e-4, 1e-3), (0.01, 0.1, 1.0)


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(pictures, "FIGURES", FIGURES[:1])


def a_model(hyperparameters):
    import keras

    units = hyperparameters.Choice("units", [4, 8])
    return keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(units, activation="tanh"),
            keras.layers.Dense(3),
        ]
    )


def a_study():
    axes = (
        Axis("learning_rate", RATES),
        Axis("weight_decay", DECAYS),
        Axis("units", (4, 8)),
    )
    spaces = {name: SearchSpace(axes, BETAS[name]) for name in ("lion", "adamw")}
    task = tiny_task(data=blobs, model=a_model)
    other = tiny_task("other", data=blobs, model=a_model)
    plan = Plan(spaces, epochs=4, seeds=2)
    return Study(
        name="interrupted",
        question="Does it resume?",
        plans={"blobs": {"smoke": plan}, "other": {"smoke": replace(plan, seeds=1)}},
        comparison=Comparison("Lion is wider.", {"blobs": 0.1, "other": 0.1}),
        tasks={"blobs": task, "other": other},
    )


def run(folder, task="blobs", *, stop=None):
    def progress(state):
        if state.done == stop:
            raise KeyboardInterrupt

    arguments = {"task": task, "preset": "smoke", "output": folder, "executor": "loop"}
    if stop is None:
        return run_study(a_study(), **arguments)
    with pytest.raises(KeyboardInterrupt):
        run_study(
            a_study(), **arguments, extend=["learning_rate=up:2"], progress=progress
        )
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """30 of the 96 runs of the extended grid."""
    return load_runs(run(tmp_path_factory.mktemp("part"), stop=30))


def test_an_interrupted_extension_asks_for_the_runs_that_it_lacks(tmp_path):
    folder = run(tmp_path, stop=58)  # of 2 × 2 × 4 × 3 × 2 = 96
    run(folder, "other")  # whose grid is the one of the study's file
    page = write_report(folder).read_text(encoding="utf-8")
    tasks = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["tasks"]
    found = [tasks[f"blobs, units {units}"] for units in (4, 8)]
    assert set(tasks) == {f"{t}, units {u}" for t in ("blobs", "other") for u in (4, 8)}
    missing = 0
    for task in found:
        first, *others = task["cautions"]
        assert "declared runs are missing" in first
        assert "run the study again with the same command" in first
        missing += int(first.split(" of 48 ")[0])
        text = " ".join(others)
        assert "--extend" not in text
        assert "edge" not in text
        assert "grids differ in size" not in text
        assert "declared runs missing" in task["answer"]
        for each in others:
            if "no score" in each:
                assert "of 12 cells" in each  # as declared, not as recorded
    assert missing == 96 - 58
    # The declared grid, although not all of it is recorded.
    assert "4 learning rates from 1e-4 to 0.1 × 3 weight decays" in page
    assert 'status": "missing' not in page

    run(folder)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "declared run" not in page
    assert len(load_runs(folder)) == 96 + 24


def test_missing_runs_are_those_that_no_record_fits(runs):
    declared = a_study().declaration()["plans"]["blobs"]["smoke"]
    plan = read_plan(declared)
    small = runs[runs["learning_rate"] < 1e-2]
    every = with_missing_runs(small, plan)
    assert len(every) == plan.num_runs
    identity = ["optimizer", "learning_rate", "weight_decay", "units", "seed"]
    assert not every.duplicated(identity).any()
    pd.testing.assert_frame_equal(
        every[: len(small)], small.reset_index(drop=True), check_dtype=False
    )
    absent = every[len(small) :]
    assert set(absent["status"]) == {MISSING}
    assert absent["score"].isna().all()
    assert set(absent["metric"]) == {"accuracy"}


def test_a_record_without_a_hyperparameter_fits_all_its_values(runs):
    """Records leave out what their model does not read."""
    plan = read_plan(a_study().declaration()["plans"]["blobs"]["smoke"])
    one = runs.assign(units=None).drop_duplicates(
        ["optimizer", "learning_rate", "weight_decay", "seed"]
    )
    one = one[one["learning_rate"] < 1e-2]
    every = with_missing_runs(one, plan)
    assert every["units"].isna().all()
    assert len(every) == plan.num_runs / 2


def test_an_optimizer_without_a_record_is_missing_as_a_whole(runs):
    plan = read_plan(a_study().declaration()["plans"]["blobs"]["smoke"])
    every = with_missing_runs(runs[runs["optimizer"] == "adamw"], plan)
    lion = every[every["optimizer"] == "lion"]
    assert len(lion) == plan.num_runs / 2
    assert set(lion["beta_2"]) == {0.99}
    assert set(lion["units"]) == {4, 8}
