"""Sweeps: resumed, interrupted, killed, and what they refuse."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_lion.tuning import load_runs, load_study_file, run_study
from keras_lion.tuning.engine.executors import Executor
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.runs.files import FolderWriteError, RecordWriter, write_json
from keras_lion.tuning.runs.records import (
    TornRecordWarning,
    load_environment,
    load_study,
    read_records,
)
from keras_lion.tuning.sweep import run as run_module
from keras_lion.tuning.sweep.environment import EnvironmentChangedWarning
from keras_lion.tuning.sweep.estimate import estimate
from keras_lion.tuning.sweep.evaluation import evaluate_test
from keras_lion.tuning.sweep.folder import ComparisonChangedWarning
from keras_lion.tuning.sweep.threads import thread_count
from tests.tuning.tiny import blobs, network, tiny_plan, tiny_study, tiny_task

REPOSITORY = Path(__file__).parents[3]
SMALL = tiny_plan((1e-2, 2e-2), (0.1,), optimizers=("lion",), epochs=6)  # four runs


def sweep(folder, study=None, **arguments):
    """Run a study and return what it reported."""
    reports = []
    result = run_study(
        study or tiny_study(SMALL),
        preset="smoke",
        output=folder,
        progress=reports.append,
        **arguments,
    )
    assert result == Path(folder)
    return reports


def lines(folder):
    return (folder / "runs-0.jsonl").read_text().splitlines()


def scores(folder):
    return load_runs(folder).set_index("key")["score"].sort_index()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished sweep; tests copy it."""
    folder = tmp_path_factory.mktemp("finished")
    sweep(folder)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    for path in finished.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_a_sweep_trains_the_declared_runs_in_their_order(tmp_path):
    study = tiny_study(SMALL)
    reports = sweep(tmp_path / "new" / "folder", study)
    runs = study.runs("blobs", "smoke", keras.backend.backend())
    assert [r.done for r in reports] == [0, 1, 2, 3, 4]
    assert {(r.total, r.skipped) for r in reports} == {(4, 0)}
    assert reports[0].record is None
    assert [r.record["key"] for r in reports[1:]] == [run.key for run in runs]
    recorded = [json.loads(line) for line in lines(tmp_path / "new" / "folder")]
    assert [r["key"] for r in recorded] == [run.key for run in runs]
    assert {r["status"] for r in recorded} == {"ok"}


def test_what_the_folder_holds(finished):
    study = load_study(finished)
    assert study["name"] == "tiny"
    assert study["hash"] == tiny_study(SMALL).declaration()["hash"]
    assert study["execution"] == {
        "blobs": {
            "executor": "loop",
            "population": 1,
            "threads": thread_count(),
            "measured": {},
        }
    }
    environment = load_environment(finished)
    assert environment["backend"] == keras.backend.backend()
    assert environment["data"] == {"blobs": blobs().fingerprint()}
    assert environment["packages"]["keras"] == keras.__version__
    text = (finished / "environment.json").read_text()
    assert os.uname().nodename not in text
    assert str(Path.home()) not in text
    assert str(finished) not in text


def test_a_finished_sweep_is_skipped(folder):
    before = lines(folder)
    (report,) = sweep(folder)
    assert (report.total, report.skipped, report.done) == (4, 4, 0)
    assert lines(folder) == before


def test_a_sweep_goes_on_where_it_stopped(folder, finished):
    path = folder / "runs-0.jsonl"
    path.write_text("".join(line + "\n" for line in lines(folder)[:1]))
    reports = sweep(folder)
    assert [(r.total, r.skipped, r.done) for r in reports] == [
        (4, 1, 0),
        (4, 1, 1),
        (4, 1, 2),
        (4, 1, 3),
    ]
    assert scores(folder).equals(scores(finished))


def test_a_run_whose_line_was_cut_runs_again(folder, finished):
    path = folder / "runs-0.jsonl"
    path.write_bytes(path.read_bytes()[:-200])
    # Not `pytest.warns`, which would pass on the warnings of KerasTuner as errors.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TornRecordWarning)
        reports = sweep(folder)
    assert "runs-0.jsonl, line 4, cannot be read" in str(caught[0].message)
    assert (reports[0].skipped, reports[-1].done) == (3, 1)
    with pytest.warns(TornRecordWarning, match="line 4"):
        assert scores(folder).equals(scores(finished))
    assert len(lines(folder)) == 5


def test_only_trains_one_run_again(folder, finished):
    key = json.loads(lines(folder)[2])["key"]
    reports = sweep(folder, only=key)
    assert [(r.total, r.skipped, r.done) for r in reports] == [(1, 0, 0), (1, 0, 1)]
    assert reports[-1].record["key"] == key
    assert len(lines(folder)) == 5
    assert scores(folder).equals(scores(finished))


def test_a_key_of_another_preset_is_refused_with_its_place(folder):
    file = Path(__file__).parents[3] / "studies" / "momentum_dtype.py"
    study = load_study_file(file)
    key = study.runs("python_lm", "smoke", "jax")[0].key
    where = "--task python_lm --preset smoke --backend jax"
    with pytest.raises(ValueError, match=where):
        run_study(study, task="mnist1d_mlp", preset="smoke", output=folder, only=key)


def test_an_unknown_key_is_refused(folder):
    with pytest.raises(ValueError, match="has the key 'nothing'. No task and preset"):
        sweep(folder, only="nothing")


def test_the_folder_of_another_study_is_refused(folder):
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    with pytest.raises(ValueError, match="holds study 'tiny', not 'other'"):
        sweep(folder, tiny_study(SMALL, name="other"))
    assert before == {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_changed_data_are_refused(folder):
    path = folder / "runs-0.jsonl"
    path.write_text(lines(folder)[0] + "\n")
    data = blobs()
    data.x[3, 1] += 1
    study = tiny_study(SMALL, tiny_task(data=lambda: data))
    message = f"'blobs' have changed .*{blobs().fingerprint()} then"
    with pytest.raises(ValueError, match=message):
        sweep(folder, study)
    assert len(lines(folder)) == 1


def test_presets_share_a_folder_and_its_runs(folder):
    study = tiny_study(SMALL)
    more = dataclasses.replace(SMALL, seeds=3)
    study = dataclasses.replace(study, plans={"blobs": {"smoke": SMALL, "full": more}})
    reports = []
    run_study(study, preset="full", output=folder, progress=reports.append)
    assert (reports[0].total, reports[0].skipped) == (6, 4)


def test_the_test_set_is_looked_at_for_the_selected_runs_only(folder, finished):
    study = tiny_study(SMALL)
    keys = sorted(scores(folder).index)[:2]
    arguments = {"task": "blobs", "preset": "smoke", "output": folder}
    reports = []
    evaluate_test(study, **arguments, keys=keys, progress=reports.append)
    assert [(r.total, r.done) for r in reports] == [(2, 1), (2, 2)]
    frame = load_runs(folder).set_index("key")
    assert sorted(frame.index[frame["test_score"].notna()]) == keys
    assert scores(folder).equals(scores(finished))
    assert len(lines(folder)) == 6
    # Once is enough, and a sweep later on forgets nothing.
    evaluate_test(study, **arguments, keys=keys)
    sweep(folder)
    assert len(lines(folder)) == 6


def test_a_diverged_run_has_the_test_score_of_chance(tmp_path):
    study = tiny_study(tiny_plan((10.0,), (1.0,), optimizers=("lion",), seeds=1))
    reports = sweep(tmp_path, study)
    record = reports[-1].record
    assert record["status"] == "diverged"
    for _ in range(2):
        evaluate_test(
            study, task="blobs", preset="smoke", output=tmp_path, keys=[record["key"]]
        )
    assert len(lines(tmp_path)) == 2
    assert read_records(tmp_path)[0]["test_score"] == record["floor"]


def test_the_cost_of_a_sweep_is_estimated_without_records(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    where = {"task": "blobs", "preset": "smoke", "output": "out"}
    cost = estimate(tiny_study(SMALL), **where)
    assert (cost.recorded, cost.missing) == (0, SMALL.num_runs)
    assert 0 < cost.seconds < 60
    assert list(tmp_path.iterdir()) == []


def test_the_cost_of_the_rest_of_a_sweep(tmp_path, monkeypatch):
    calls = []

    def run(self, specification):
        calls.append(specification)
        # Each optimizer's program is compiled once, in 5 seconds.
        clock[0] += 1 if len(calls) % 2 == 0 else 6

    clock = [0.0]
    study = tiny_study(tiny_plan(epochs=6, seeds=2, evaluate_every=2))
    runs = study.runs("blobs", "smoke", keras.backend.backend())
    lions = [run for run in runs if run.optimizer == "lion"]
    done = [*lions[:-1], *(run for run in runs if run.optimizer == "adamw")][:-2]
    writer = RecordWriter(tmp_path)
    for status, some in (("ok", done), ("failed", lions[-1:])):
        for each in some:
            writer.append({"key": each.key, "status": status, "task": "blobs"})
    monkeypatch.setattr(Trainer, "run", run)
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    cost = estimate(study, task="blobs", preset="smoke", output=tmp_path)
    assert (cost.recorded, cost.missing) == (len(runs) - 3, 3)
    # Three looks of one second each in every run, and two programs.
    assert (cost.training, cost.compiling) == (3 * 3, 2 * 5)
    assert cost.seconds == 19
    assert {run.epochs for run in calls} == {2}


# --- failures ---


def broken_study(fail):
    """A study whose model is built through `fail(number of the call)`."""
    calls = []

    def model():
        calls.append(1)
        fail(len(calls))
        return network()

    plan = dataclasses.replace(SMALL, seeds=4)
    return tiny_study(plan, tiny_task(model=model)), calls


def test_a_run_that_fails_twice_is_recorded_and_the_sweep_goes_on(tmp_path, capsys):
    # The compiled model and the program are built first; then each seed builds one.
    def fail(call):
        if 3 <= call <= 6:
            raise RuntimeError(f"no model at call {call}")

    study, _ = broken_study(fail)
    reports = sweep(tmp_path, study)
    statuses = [r.record["status"] for r in reports[1:]]
    assert statuses == ["failed", "failed", *["ok"] * 6]
    assert "Traceback" not in "".join(capsys.readouterr())
    first = reports[1].record
    assert "RuntimeError: no model at call 4" in first["reason"]
    assert first["score"] is None
    frame = load_runs(tmp_path)
    assert len(frame) == 8
    assert frame["score"].isna().sum() == 2

    healthy, _ = broken_study(lambda call: None)
    again = sweep(tmp_path, healthy)
    assert (again[0].skipped, again[-1].done) == (6, 2)
    assert (load_runs(tmp_path)["status"] == "ok").all()


def test_a_run_that_fails_once_is_tried_again_at_once(tmp_path):
    def fail(call):
        if call == 3:
            raise RuntimeError("only now")

    study, calls = broken_study(fail)
    reports = sweep(tmp_path, study)
    assert {r.record["status"] for r in reports[1:]} == {"ok"}
    assert len(calls) == 2 + 1 + 4
    assert len(lines(tmp_path)) == 8


def test_a_sweep_of_nothing_but_failures_ends(tmp_path):
    # KerasTuner gives up after a few failures in a row; a study does not.
    class Broken(keras.layers.Layer):
        def call(self, inputs, training=False):
            if training:
                raise RuntimeError("broken layer")
            return inputs

    def model():
        return keras.Sequential([*network().layers, Broken()])

    study = tiny_study(dataclasses.replace(SMALL, seeds=6), tiny_task(model=model))
    reports = sweep(tmp_path, study)
    assert [r.record["status"] for r in reports[1:]] == ["failed"] * 12
    assert all("broken layer" in r.record["reason"] for r in reports[1:])
    assert len(lines(tmp_path)) == 12


def test_a_record_that_cannot_be_written_ends_the_sweep(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(run_module.RecordWriter, "append", fail)
    with pytest.raises(OSError, match="disk full"):
        sweep(tmp_path)


def test_many_divergent_runs_do_not_end_a_sweep(tmp_path):
    plan = tiny_plan((10.0,), (1.0,), optimizers=("lion",), seeds=8)
    reports = sweep(tmp_path, tiny_study(plan))
    assert {r.record["status"] for r in reports[1:]} == {"diverged"}
    assert len(lines(tmp_path)) == 8


def test_what_is_reported_is_already_on_the_disk(tmp_path):
    found = []
    run_study(
        tiny_study(SMALL),
        preset="smoke",
        output=tmp_path,
        progress=lambda r: found.append(len(lines(tmp_path)) if r.done else 0),
    )
    assert found == [0, 1, 2, 3, 4]


def test_an_interrupted_sweep_keeps_what_it_has(tmp_path, finished):
    def interrupt(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(
            tiny_study(SMALL), preset="smoke", output=tmp_path, progress=interrupt
        )
    assert sweep(tmp_path)[0].skipped == 2
    assert scores(tmp_path).equals(scores(finished))


def test_an_interrupt_within_a_run_is_not_a_failure(tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep(tmp_path)
    assert not (tmp_path / "runs-0.jsonl").exists()


# --- what a folder keeps ---


def warnings_of(category, function):
    """The warnings of a category; those of KerasTuner are left alone."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [str(w.message) for w in caught if issubclass(w.category, category)]


def test_more_cells_and_more_seeds_extend_a_folder(folder, finished):
    more = tiny_plan(
        (1e-2, 2e-2, 3e-2), (0.1,), optimizers=("lion",), epochs=6, seeds=3
    )
    reports = sweep(folder, tiny_study(more))
    assert (reports[0].total, reports[0].skipped, reports[-1].done) == (9, 4, 5)
    assert {r["key"] for r in reports[0].earlier} == set(scores(finished).index)
    assert scores(folder).loc[scores(finished).index].equals(scores(finished))
    assert load_study(folder)["hash"] == tiny_study(more).declaration()["hash"]


def test_a_folder_keeps_the_extensions_of_its_grid(tmp_path):
    study = tiny_study(tiny_plan((1e-2, 2e-2), (0.1,), optimizers=("lion",), seeds=1))
    larger = sweep(tmp_path, study, extend=["learning_rate=up:1"])
    assert larger[-1].total == 3
    again = sweep(tmp_path, study)
    assert (again[0].total, again[0].skipped) == (3, 3)
    assert load_study(tmp_path)["extended"]["blobs"]["smoke"] == ["learning_rate=up:1"]
    assert sweep(tmp_path, study, extend=["learning_rate=up:0"])[0].total == 2


def test_a_changed_environment_is_told_and_both_are_kept(folder):
    path = folder / "environment.json"
    known = load_environment(folder)
    old = {**known, "python": "3.0.1", "packages": {**known["packages"], "keras": "2"}}
    write_json(path, old)
    (message,) = warnings_of(EnvironmentChangedWarning, lambda: sweep(folder))
    assert f"python 3.0.1 → {known['python']}, keras 2 → {keras.__version__}" in message
    now = load_environment(folder)
    assert [e["python"] for e in now["earlier"]] == ["3.0.1"]
    assert now["data"] == known["data"]
    assert warnings_of(EnvironmentChangedWarning, lambda: sweep(folder)) == []
    # Back and forth adds nothing.
    for _ in range(2):
        write_json(path, {**old, "earlier": load_environment(folder)["earlier"]})
        warnings_of(EnvironmentChangedWarning, lambda: sweep(folder))
    assert len(load_environment(folder)["earlier"]) == 1


def test_a_comparison_that_changes_after_runs_is_told_and_the_first_is_kept(folder):
    def rerun(**changes):
        study = dataclasses.replace(
            tiny_study(), comparison=dataclasses.replace(first, **changes)
        )
        found = warnings_of(ComparisonChangedWarning, lambda: sweep(folder, study))
        return found, load_study(folder)

    first = tiny_study().comparison
    (message,), known = rerun(epsilon={"blobs": 0.2}, margin=0.5)
    assert "epsilon of blobs 0.1 → 0.2, margin none → 0.5" in message
    assert known["first_comparison"]["epsilon"] == {"blobs": 0.1}
    assert known["comparison"]["epsilon"] == {"blobs": 0.2}
    # Told again until it is what was declared; the first one stays the first.
    (message,), known = rerun(epsilon={})
    assert "epsilon of blobs 0.1 → none" in message
    assert known["first_comparison"]["epsilon"] == {"blobs": 0.1}
    found, known = rerun(statement="Lion's range is wider.")
    assert found == []
    assert "first_comparison" not in known


def test_another_backend_is_told_to_train_all_runs_again(folder):
    known = load_environment(folder)
    write_json(folder / "environment.json", {**known, "backend": "other"})
    (message,) = warnings_of(EnvironmentChangedWarning, lambda: sweep(folder))
    assert "backend other → " in message
    assert "all are trained again" in message


def test_the_executor_of_a_folder_is_used_again_unless_given(folder, monkeypatch):
    asked = []

    def choose(trainer, runs, *, wanted=None, population=None):
        asked.append((wanted, population))
        return Executor(trainer, wanted or "loop", population or 1)

    monkeypatch.setattr(run_module, "choose_executor", choose)
    sweep(folder, only=json.loads(lines(folder)[0])["key"])
    more = tiny_study(dataclasses.replace(SMALL, seeds=3))
    sweep(folder, more, executor="map", population=2)
    sweep(folder, tiny_study(dataclasses.replace(SMALL, seeds=4)))
    assert asked == [("loop", 1), ("map", 2), ("map", 2)]
    kept = load_study(folder)["execution"]["blobs"]
    assert (kept["executor"], kept["population"]) == ("map", 2)


def test_a_population_trains_and_reports_every_run(tmp_path, finished):
    reports = sweep(tmp_path, executor="map", population=3)
    assert [r.done for r in reports] == [0, 1, 2, 3, 4]
    assert len(lines(tmp_path)) == 4
    assert list(scores(tmp_path).index) == list(scores(finished).index)


def test_a_task_that_cannot_be_prepared_is_told_in_one_line(tmp_path):
    def fail():
        raise RuntimeError("first line\nsecond line")

    for task in (tiny_task(model=fail), tiny_task(data=fail)):
        with pytest.raises(ValueError, match="Task 'blobs' cannot be") as found:
            sweep(tmp_path, tiny_study(SMALL, task))
        assert "RuntimeError: first line (test_run.py, line " in str(found.value)
        assert "\n" not in str(found.value)
    assert not (tmp_path / "runs-0.jsonl").exists()


def test_a_folder_that_cannot_be_written_says_what_is_safe(tmp_path, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")
    written = []

    def fsync(file):
        written.append(file)
        if len(written) > 6:  # four files are written before the first record
            raise full

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(FolderWriteError, match="No space left on device") as found:
        sweep(tmp_path)
    count = len(lines(tmp_path))
    assert 0 < count < 4
    assert f"{count} finished runs are safe in {tmp_path}" in str(found.value)
    assert len(read_records(tmp_path)) == count


def test_so_does_one_where_kerastuner_cannot_write(tmp_path):
    # A file where its folder is to be; permissions do not stop root.
    (tmp_path / "keras_tuner").write_text("")
    with pytest.raises(FolderWriteError, match="keras_tuner could not be written"):
        sweep(tmp_path)


# --- a sweep in a process of its own, killed ---

STUDY_FILE = """
from tests.tuning.tiny import tiny_plan, tiny_study

STUDY = tiny_study(
    tiny_plan((1e-3, 3e-3, 1e-2), (0.0, 0.1, 1.0), epochs=40, evaluate_every=2)
)
"""
NUM_RUNS = 36


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("study") / "many.py"
    file.write_text(STUDY_FILE)
    return file


def start(study_file, folder, prelude=""):
    command = "import sys; from keras_lion.cli import main; sys.exit(main())"
    arguments = ["run", str(study_file), "--preset", "smoke", "--output", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-c", prelude + command, *arguments],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "KERAS_BACKEND": keras.backend.backend(),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_records(process, folder, number):
    path = folder / "runs-0.jsonl"
    end = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < number:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.skipif(
    keras.backend.backend() != "jax",
    reason="once is enough here; `make test-faults` kills on both backends",
)
def test_a_killed_sweep_goes_on_and_ends_as_an_undisturbed_one(study_file, tmp_path):
    from keras_lion.tuning.study.study_file import load_study_file

    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    generator = np.random.default_rng(11)
    reached = 0
    for how in (signal.SIGKILL, signal.SIGINT):
        process = start(study_file, killed)
        wait_for_records(process, killed, reached + generator.integers(2, 8))
        time.sleep(generator.uniform(0, 0.02))
        process.send_signal(how)
        out, errors = process.communicate(timeout=60)
        if how == signal.SIGKILL:
            assert process.returncode == -signal.SIGKILL
        else:
            assert process.returncode == 130
            assert "Every finished run is recorded" in errors.splitlines()[-1]
            assert "Traceback" not in errors
        assert (f"{reached} finished earlier and skipped" in out) == (reached > 0)
        reached = len({json.loads(x)["key"] for x in lines(killed) if x.endswith("}")})
        assert 0 < reached < NUM_RUNS

    process = start(study_file, killed)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert f"{reached} finished earlier and skipped" in out
    assert f"{NUM_RUNS - reached} runs executed, {reached} skipped" in out

    run_study(load_study_file(study_file), preset="smoke", output=undisturbed)
    one, other = load_runs(killed), load_runs(undisturbed)
    assert one["key"].is_unique
    assert len(one) == len(other) == NUM_RUNS
    decided = ["key", "status", "score", "best_score", "initial_loss", "final_loss"]
    assert one[decided].equals(other[decided])
    assert list(one["history"]) == list(other["history"])


def test_the_end_is_told_where_nobody_shows_progress(tmp_path, capsys):
    study = tiny_study(tiny_plan((1e-3,), (0.1,), seeds=1))
    run_study(study, preset="smoke", output=tmp_path)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1] == (
        f"2 of 2 runs are recorded in {tmp_path}. Report: keras-lion report {tmp_path}"
    )
    run_study(study, preset="smoke", output=tmp_path, progress=lambda _: None)
    assert "recorded in" not in capsys.readouterr().err
