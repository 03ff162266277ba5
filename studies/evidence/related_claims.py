"""Claims on the optimizers beside Lion, and on fewer updates."""

from __future__ import annotations

import pandas as pd

from studies import fewer_updates, related_optimizers
from studies.evidence.basis import is_primary
from studies.evidence.measured import difference_of_best
from studies.evidence.row import Row, missing, unmeasured
from studies.evidence.runs import declared, is_complete, runs_of

RELATED, FEWER = related_optimizers.STUDY.name, fewer_updates.STUDY.name
# Optimizer → what it is said to improve on.
IMPROVED = {
    "lookahead_lion": "lion",
    "layer_adaptive_lion": "lion",
    "tiger": "lion",
    "adax": "adamw",
    "adafactor_momentum": "adamw",
}


def improved() -> list[Row]:
    """Each optimizer's best accuracy less that of what it is said to improve on."""
    rows = []
    for task in declared(RELATED).plans:
        if not is_complete(RELATED, task):
            rows.append(missing(task))
            continue
        frame = runs_of(RELATED, task)
        for name, base in IMPROVED.items():
            where = f"{task}, {name}"
            if (frame.loc[frame["optimizer"] == name, "status"] == "diverged").all():
                rows.append(unmeasured(where, f"every run of {name} diverged"))
                continue
            rows.append(
                difference_of_best(
                    RELATED,
                    frame,
                    name,
                    base,
                    declared(RELATED).comparison,
                    where=where,
                    primary=is_primary(RELATED, where) and name == "lookahead_lion",
                )
            )
    return rows


def accumulated() -> list[Row]:
    """Best accuracy with an update on 8 batches of 16 less with one on each."""
    task = fewer_updates.TASK
    if not is_complete(FEWER, task):
        return [missing(task)]
    frame = runs_of(FEWER, task)
    return [
        difference_of_best(
            FEWER,
            by_arm(frame[frame["optimizer"] == optimizer]),
            "accumulated",
            "plain",
            declared(FEWER).comparison,
            where=f"{task}, {optimizer}",
            primary=optimizer == "lion",
        )
        for optimizer in ("lion", "adamw", "sgd_momentum")
    ]


def by_arm(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of one optimizer, under the names of the arms instead of its name."""
    arms = {size: arm for arm, size in fewer_updates.ACCUMULATED.items()}
    return runs.assign(optimizer=runs["batch_size"].map(arms))
