"""Killed processes of a sweep: in the end all runs are there, as if undisturbed."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from keras_lion.tuning import load_runs, run_study
from keras_lion.tuning.study.study_file import load_study_file
from tests.faults.processes import (
    PATIENCE,
    children,
    is_alive,
    num_lines,
    start,
    wait_until,
)

STUDY = """
from tests.tuning.tiny import tiny_plan, tiny_study

STUDY = tiny_study(
    tiny_plan((1e-3, 3e-3, 1e-2), (0.0, 0.1, 1.0), epochs=600, evaluate_every=20)
)
"""
NUM_RUNS = 36
NAMES = {"chief", "worker0", "worker1"}
DECIDED = ["key", "status", "score", "best_score", "initial_loss", "final_loss"]


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("study") / "many.py"
    file.write_text(STUDY)
    return file


@pytest.fixture(scope="module")
def undisturbed(study_file, tmp_path_factory):
    """The runs of one process that nobody kills."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run_study(load_study_file(study_file), preset="smoke", output=folder)
    return load_runs(folder)


def check_end(process, folder, undisturbed, orphans=()):
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    runs = load_runs(folder)
    assert runs["key"].is_unique
    assert len(runs) == NUM_RUNS
    assert runs[DECIDED].equals(undisturbed[DECIDED])
    wait_until(lambda: not any(map(is_alive, orphans)))
    return out


def kill(process, name, folder):
    """Kill one of the children, once it lives and the sweep gets on."""
    wait_until(lambda: name in children(process), process)
    pid = children(process)[name]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    return pid


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", ["worker0", "chief"])
def test_a_killed_child_is_started_again(
    name, times, study_file, undisturbed, tmp_path
):
    process = start(study_file, tmp_path, "--workers", "2")
    wait_until(lambda: num_lines(tmp_path) >= 5, process)
    family = set(children(process).values())
    assert set(children(process)) == NAMES
    for _ in range(times):
        family.add(kill(process, name, tmp_path))
    out = check_end(process, tmp_path, undisturbed, family)
    assert f"{NUM_RUNS} runs executed, 0 skipped" in out


def test_no_child_outlives_a_killed_parent(study_file, undisturbed, tmp_path):
    skipped = 0
    for _ in range(2):
        process = start(study_file, tmp_path, "--workers", "2")
        wait_until(lambda old=skipped: num_lines(tmp_path) >= old + 4, process)
        family = children(process)
        assert set(family) == NAMES
        process.kill()
        process.communicate()
        wait_until(lambda pids=family: not any(map(is_alive, pids.values())))
        skipped = num_lines(tmp_path)
    assert skipped < NUM_RUNS
    out = check_end(
        start(study_file, tmp_path, "--workers", "2"), tmp_path, undisturbed
    )
    assert f"{skipped} finished earlier and skipped" in out


def test_an_interrupt_ends_the_children(study_file, undisturbed, tmp_path):
    process = start(study_file, tmp_path, "--workers", "2")
    wait_until(lambda: num_lines(tmp_path) >= 4, process)
    family = children(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not any(map(is_alive, family.values()))
    # One process goes on with what two have begun.
    check_end(start(study_file, tmp_path), tmp_path, undisturbed)


def test_kills_at_random_moments(study_file, undisturbed, tmp_path):
    generator = np.random.default_rng(1)
    process = start(study_file, tmp_path, "--workers", "2")
    family = set()
    for _ in range(5):
        recorded = num_lines(tmp_path)
        wait_until(
            lambda at_least=recorded + 2: num_lines(tmp_path) >= at_least, process
        )
        time.sleep(generator.uniform(0, 0.5))
        if num_lines(tmp_path) >= NUM_RUNS - 4:
            break
        victim = str(generator.choice([*sorted(NAMES), "parent"]))
        family |= set(children(process).values())
        if victim == "parent":
            process.kill()
            process.communicate()
            process = start(study_file, tmp_path, "--workers", "2")
        else:
            kill(process, victim, tmp_path)
    check_end(process, tmp_path, undisturbed, family)
