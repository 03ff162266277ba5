"""A long sweep in one process: memory, and the cost of its bookkeeping."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.faults.processes import REPOSITORY, environment

SWEEP = """
import json, sys, time
from keras_lion.tuning import run_study
from tests.tuning.tiny import tiny_plan, tiny_study

grid = tuple(float(10.0**k) for k in range(-10, 0))
study = tiny_study(tiny_plan(grid, grid, epochs=1, seeds=10))
marks = []

def note(progress):
    if progress.done in (100, 200, 1900, 2000):
        pages = int(open("/proc/self/statm").read().split()[1])
        marks.append((progress.done, pages * 4096 / 1e6, time.monotonic()))

run_study(study, preset="smoke", output=sys.argv[1], progress=note, executor="loop")
print(json.dumps(marks))
"""


def test_memory_and_time_of_2000_trials(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SWEEP, str(tmp_path)],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    marks = json.loads(done.stdout.splitlines()[-1])
    assert [number for number, *_ in marks] == [100, 200, 1900, 2000]
    (_, before, _), (_, _, early), (_, _, late), (_, after, end) = marks
    print(f"RSS {before:.0f} -> {after:.0f} MB; {done.stdout[-200:]}")
    assert after - before < 50
    # Generous: other processes may take the cores.
    first, last = early - marks[0][2], end - late
    assert last < 3 * first + 1
    assert len(list(tmp_path.glob("keras_tuner/trial_*/trial.json"))) == 2000
