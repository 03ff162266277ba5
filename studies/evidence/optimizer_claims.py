"""Where Lion stands among twelve optimizers that were tuned with one budget."""

from __future__ import annotations

from outcome import Measured
from runs import is_complete, runs_of
from shared import difference_of_best, missing

STUDY = "optimizers"
TASKS = ("mnist1d_mlp", "digits_mlp", "mnist1d_mlp_constant")


def against_others() -> list[Measured]:
    """Lion's best score less that of every other optimizer."""
    found = []
    for task in TASKS:
        if not is_complete(STUDY, task):
            found.append(missing(task))
            continue
        frame = runs_of(STUDY, task)
        for name in sorted(set(frame["optimizer"]) - {"lion"}):
            where = f"{task}, {name}"
            if (frame.loc[frame["optimizer"] == name, "status"] == "diverged").all():
                reason = f"every run of {name} diverged"
                found.append(Measured(where, reason, "untestable"))
                continue
            found.append(
                difference_of_best(frame, "lion", name, where=where, claimed=1)
            )
    return found
