"""The parts of `accelerator.py` on a CPU: measured, cut, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "studies" / "performance" / "accelerator.py"
SLOW = pytest.mark.skipif(
    not os.environ.get("KERAS_LION_SLOW_TESTS"), reason="make test-performance"
)
# Part → text in the keys of the measurements that are made here.
ONLY = {
    "check": "exact arithmetic",
    "steps": "update",
    "memory": "batch of 1",
    "populations": "vmap 2",
    "discovery": "device / 4",
    "studies": "curves_vit",
}
# What a bare environment has not; of these, nothing is needed.
ABSENT = (
    "tensorflow",
    "keras_tuner",
    "pandas",
    "seaborn",
    "matplotlib",
    "sklearn",
    "mnist1d",
    "tensorflow_datasets",
    "optax",
    "jinja2",
    "tensorboard",
)
# As `sitecustomize` it is imported by every Python process before anything else.
BLOCK = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""


@pytest.fixture
def bare(tmp_path):
    """Environment variables of a process in which only what is needed is there."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCK, encoding="utf-8")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "JAX_PLATFORMS": "cpu",
    }


def command(tmp_path, *arguments, minutes="5"):
    fixed = ["--small", "--minutes", minutes, "--output", str(tmp_path / "out")]
    return [sys.executable, str(SCRIPT), *fixed, *arguments]


def rows(tmp_path, part):
    """Status of every measurement that a part's journal has, in order."""
    path = tmp_path / "out" / "cpu" / f"{part}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("}")]
    return [(row["key"], row["status"]) for row in found if "key" in row]


@pytest.mark.parametrize("part", ONLY)
def test_every_part_measures_in_a_bare_environment(part, tmp_path, bare):
    if part in ("memory", "populations", "studies") and not os.environ.get(
        "KERAS_LION_SLOW_TESTS"
    ):
        pytest.skip("make test-performance")
    arguments = ["--part", part, "--only", ONLY[part]]
    done = subprocess.run(
        command(tmp_path, *arguments),
        env=bare,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith(f"{part} on cpu, driver none, jax ")
    assert "measured: " in last
    found = rows(tmp_path, part)
    assert "ok" in {status for _, status in found}
    assert {status for _, status in found} <= {"ok", "skipped"}
    if part == "steps":
        assert "skipped: optax is not installed" in done.stdout
    if part == "studies":
        folder = tmp_path / "out" / "cpu" / "batch_size-curves_vit"
        records = (folder / "runs-0.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(records) == 2
        assert "failed" not in {json.loads(line)["status"] for line in records}
        assert json.loads((folder / "study.json").read_text())["name"] == "batch_size"


def test_killed_in_a_part_it_resumes(tmp_path, bare):
    arguments = ["--part", "check"]
    process = subprocess.Popen(
        command(tmp_path, *arguments), env=bare, stdout=subprocess.DEVNULL
    )
    until = time.monotonic() + 100
    while len(rows(tmp_path, "check")) < 1 and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.5)  # the process that measures notices, and ends
    before = rows(tmp_path, "check")
    assert 1 <= len(before) < 11
    time.sleep(2)
    assert rows(tmp_path, "check") == before  # nothing goes on
    journal = tmp_path / "out" / "cpu" / "check.jsonl"
    with journal.open("a", encoding="utf-8") as file:
        file.write('{"key": "int8 mom')  # a line that the kill has cut in half
    done = subprocess.run(
        command(tmp_path, *arguments, "--only", "momentum"),
        env=bare,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    text = journal.read_text(encoding="utf-8")
    for key, status in before:
        assert status == "ok"
        assert text.count(json.dumps(key)) == 1  # not measured again
    assert "int8 momentum is next to the reference's" in text


def parts(monkeypatch, tmp_path, body):
    """Run a part whose measurements are given as the text of a module."""
    from studies.performance.accelerator_parts.names import MODULES, PACKAGE

    folder = tmp_path / "site"
    folder.mkdir(exist_ok=True)
    (folder / "made_up.py").write_text(
        "import os, time\n"
        "from studies.performance.accelerator_parts.measurement import (\n"
        "    Measurement, SkippedError)\n"
        "COLUMNS = ('value',)\n" + body,
        encoding="utf-8",
    )
    # The child looks its module up by name, in its own process.
    (folder / "sitecustomize.py").write_text(
        f"import made_up, sys\nsys.modules['{PACKAGE}.{MODULES['check']}'] = made_up\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(ROOT)]))
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")

    def run(minutes):
        from studies.performance.accelerator_parts.supervision import run_part

        return run_part("check", minutes=minutes, output=tmp_path, small=True)

    return run


def statuses(part):
    return {key: row["status"] for key, row in (part.rows or {}).items()}


@pytest.mark.slow
def test_what_takes_too_long_is_cut_and_tried_again_with_more_time(
    monkeypatch, tmp_path
):
    run = parts(
        monkeypatch,
        tmp_path,
        "def measurements(sizes):\n"
        "    def slow():\n"
        f"        time.sleep(0 if os.path.exists({str(tmp_path / 'fast')!r}) else 99)\n"
        "        return {'value': 2}\n"
        "    return [Measurement('quick', lambda: {'value': 1}),\n"
        "            Measurement('slow', slow)]\n",
    )
    for minutes in (0.15, 0.3, 0.6):  # until a busy machine has started the process
        started = time.monotonic()
        part = run(minutes)
        assert time.monotonic() - started < minutes * 60 + 5
        if statuses(part).get("slow"):
            break
    assert statuses(part) == {"quick": "ok", "slow": "cut"}
    (tmp_path / "fast").touch()
    less = run(0.7 * minutes)
    assert statuses(less) == {"quick": "ok", "slow": "cut"}  # not tried
    assert statuses(run(5)) == {"quick": "ok", "slow": "ok"}
    lines = map(json.loads, part.path.read_text(encoding="utf-8").splitlines())
    found = [(r["key"], r["status"]) for r in lines if "key" in r]
    assert found.count(("quick", "ok")) == found.count(("slow", "ok")) == 1
    assert found.count(("slow", "cut")) == 1


def test_a_process_that_dies_takes_one_measurement_with_it(monkeypatch, tmp_path):
    run = parts(
        monkeypatch,
        tmp_path,
        "def skipped():\n"
        "    raise SkippedError('there is no such thing')\n"
        "def measurements(sizes):\n"
        "    return [Measurement('dies', lambda: os.kill(os.getpid(), 9)),\n"
        "            Measurement('raises', lambda: 1 / 0),\n"
        "            Measurement('skips', skipped),\n"
        "            Measurement('alone', lambda: {'value': os.getpid()}, True),\n"
        "            Measurement('after', lambda: {'value': os.getpid()})]\n",
    )
    part = run(5)
    assert statuses(part) == {
        "dies": "failed",
        "raises": "failed",
        "skips": "skipped",
        "alone": "ok",
        "after": "ok",
    }
    assert part.rows["dies"]["reason"] == "its process ended with status -9"
    assert "ZeroDivisionError" in part.rows["raises"]["reason"]
    assert part.rows["alone"]["value"] != part.rows["after"]["value"]
    from studies.performance.accelerator_parts import table

    lines = list(table.table(part))
    assert any("FAILED: its process ended" in line for line in lines)
    assert any("skipped: there is no such thing" in line for line in lines)
    assert lines[-1].startswith("2 of 5 measured")
    assert table.has_failed(part)


def test_the_largest_size_is_found_by_doubling():
    from studies.performance.accelerator_parts.measurement import largest_that_fits

    tried = []

    def fits(size):
        tried.append(size)
        return size <= 100

    assert largest_that_fits(fits, 16, 1024) == 64
    assert tried == [16, 32, 64, 128]
    assert largest_that_fits(lambda _: False, 16, 1024) == 0
    assert largest_that_fits(lambda _: True, 16, 100) == 64


def test_bytes_that_an_update_moves(monkeypatch):
    """Weights and state are read and written, gradients are read."""
    import keras

    from studies.performance.accelerator_parts import steps

    if keras.backend.backend() != "jax":
        pytest.skip("the parts run on JAX")
    for name, state in {
        "Lion": 4,
        "Lion, bfloat16 momentum": 2,
        "keras AdamW": 8,
    }.items():
        variables = [keras.Variable(np.ones((500, 200), "float32"))]
        gradients = [keras.ops.ones((500, 200))]
        _, moved = steps.optimizer_step(
            name, variables, [], lambda w, o, *g: [*g], gradients
        )
        assert moved / 1e5 == pytest.approx(12 + 2 * state, abs=0.01)


def test_checks_notice_a_wrong_lion(monkeypatch):
    import keras

    from studies.performance.accelerator_parts import check, optimizer_runs

    if keras.backend.backend() != "jax":
        pytest.skip("the parts run on JAX")
    for name in ("exact arithmetic is", "usual betas"):
        found = [m for m in check.measurements(None) if m.key.startswith(name)]
        assert found[0].run()["found"] <= found[0].run()["allowed"]

    def swapped(weights, gradients, hyperparameters):
        betas = {
            "beta_1": hyperparameters["beta_2"],
            "beta_2": hyperparameters["beta_1"],
        }
        return in_numpy(weights, gradients, {**hyperparameters, **betas})

    in_numpy = optimizer_runs.in_numpy
    monkeypatch.setattr(optimizer_runs, "in_numpy", swapped)
    monkeypatch.setattr(check, "in_numpy", swapped)
    for name in ("exact arithmetic is", "usual betas", "bfloat16 momentum"):
        (wrong,) = (m for m in check.measurements(None) if m.key.startswith(name))
        with pytest.raises(AssertionError, match="Expected at most"):
            wrong.run()
