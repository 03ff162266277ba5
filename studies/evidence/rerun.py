"""Train one run of each study again, from its key alone, and compare the scores.

Command    python studies/evidence/rerun.py [STUDY ...]     (`make evidence-rerun`)
Duration   about a minute a study

Of each study it takes the run that took least time, of each task if a study is named.
Runs of tasks that a study no longer declares are left out.
Same backend, executor and number of threads give the recorded score bit for bit on the
same type of machine; elsewhere, and for runs that shared a program with others, it must
lie within the noise of seeds: three standard deviations of its cell.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from keras_lion.tuning import load_runs
from keras_lion.tuning.sweep.threads import thread_variables
from studies.evidence.runs import (
    RESULTS,
    STUDIES,
    all_runs,
    declared,
    is_complete,
    runs_of,
)

DEVIATIONS = 3
CELL = ("study", "task", "optimizer", "learning_rate", "weight_decay")
OTHERS = ("beta_1", "beta_2", "batch_size", "noise")  # empty in some studies


def chosen(studies: list[str]) -> pd.DataFrame:
    """The runs to train again: the shortest of each study, or of each task."""
    names = studies or sorted(all_runs()["study"].unique())
    frame = pd.concat(
        runs_of(study, task)
        for study in names
        for task in declared(study).plans
        if is_complete(study, task)
    )
    frame = frame[frame["status"] == "ok"]
    by = ["study", "task"] if studies else ["study"]
    return frame.sort_values("seconds").drop_duplicates(by).sort_values(by)


def noise(run: pd.Series) -> float:
    """Standard deviation of the scores of a run's cell."""
    frame = all_runs()
    alike = frame["preset"] == run["preset"]
    for name in CELL:
        alike &= frame[name] == run[name]
    for name in OTHERS:
        alike &= frame[name].isna() if pd.isna(run[name]) else frame[name] == run[name]
    return float(frame.loc[alike, "score"].std())


def threads(run: pd.Series) -> int:
    """Threads that the run was given; 0 if that is not known."""
    file = RESULTS / run["study"] / f"environment-{run['backend']}.json"
    execution = json.loads(file.read_text(encoding="utf-8"))["execution"]
    return int(execution.get(run["task"], {}).get("threads", 0))


def again(run: pd.Series) -> float:
    """Score of the run, trained anew."""
    with tempfile.TemporaryDirectory() as place:
        command = [str(Path(sys.executable).with_name("keras-lion")), "run"]
        command += [str(STUDIES / f"{run['study']}.py"), "--task", run["task"]]
        command += ["--preset", run["preset"], "--backend", run["backend"]]
        command += ["--executor", "loop", "--only", run["key"], "--output", place]
        count = threads(run)
        limits = thread_variables(count) if count else {}
        done = subprocess.run(
            command, env=os.environ | limits, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
        return float(load_runs(Path(place))["score"].iloc[0])


def main(studies: list[str]) -> int:
    """Print one line per run; 1 if a score is not the recorded one."""
    failed = 0
    for _, run in chosen(studies).iterrows():
        score, recorded = again(run), float(run["score"])
        exact = score == recorded
        near = math.isclose(score, recorded, abs_tol=DEVIATIONS * noise(run))
        alone = run["executor"] == "loop"
        word = "same bits" if exact else "within noise" if near else "DIFFERENT"
        failed += not (exact or near)
        print(
            f"{run['study']}, {run['task']}, {run['key']}: recorded {recorded:.6g} "
            f"({'alone' if alone else 'in a population'}), now {score:.6g}: {word}",
            flush=True,
        )
    return int(failed > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = sorted(all_runs()["study"].unique())
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=", ".join(known))
    studies = parser.parse_args().studies
    unknown = sorted(set(studies) - set(known))
    if unknown:
        parser.error(
            f"the table has no runs of {', '.join(unknown)}; it has {', '.join(known)}"
        )
    sys.exit(main(studies))
