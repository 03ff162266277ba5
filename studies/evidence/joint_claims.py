"""The claim on the frame of a search: lr and λ, or their product and ratio."""

from __future__ import annotations

from itertools import product

from studies import joint_mistake
from studies.evidence.basis import basis_of
from studies.evidence.measured import Claim, judged, written
from studies.evidence.practice_claims import found, interval
from studies.evidence.row import Row, unmeasured
from studies.evidence.runs import jackknife_errors, runs_of


def pace_and_size_forgive() -> list[Row]:
    """A grid over lr × λ and lr / λ forgives one step off in both more than lr and λ.

    With as many cells per decade²: at equal steps the second frame wins by its units.
    """
    kept = found("joint_mistake")
    first, _, equal_cost = joint_mistake.FRAMES
    rows = []
    for study, tasks in joint_mistake.TASKS.items():
        for task, name in product(tasks, joint_mistake.OPTIMIZERS):
            own = f"{task} {name}:"
            if f"{own} {first}, mean" not in kept:
                continue
            if f"{own} {equal_cost}, mean" not in kept:
                why = "mistakes of √2 grid steps lie outside of the window"
                rows.append(unmeasured(f"{task}, {name}", why))
                continue
            saved = interval("joint_mistake", f"{own} saved by {equal_cost}, mean")
            unit = kept[f"{own} {first}, mean"]["unit"]
            outcome, reasons = judged(saved, 0.0)
            runs = runs_of(study, task)
            rows.append(
                Row(
                    where=f"{task}, {name}",
                    text="mean cost of one step off in both: "
                    f"{kept[f'{own} {first}, mean']['value']:.2f} in lr and λ, "
                    f"{kept[f'{own} {equal_cost}, mean']['value']:.2f} in lr × λ and "
                    f"lr / λ; saved: {written(saved, unit)}",
                    shows=outcome,
                    interval=saved,
                    unit=unit,
                    coverage=jackknife_errors(saved.n),
                    windows=None,
                    basis=basis_of(study, runs, (name,), tuned=False),
                    notes=reasons,
                )
            )
    return rows


CLAIM = Claim(
    "pace-and-size-grid",
    "With as many cells, a grid over lr × λ and lr / λ forgives one step off in "
    "both more than a grid over lr and λ.",
    "mean cost, lr and λ − lr × λ and lr / λ",
    "product",
    "the question of everybody who plans a search",
    "joint_mistake.py",
    pace_and_size_forgive,
    every=True,
)
