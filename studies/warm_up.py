"""What is lost without warm-up?

Question   Sign updates have full length from the first step, when the momentum has seen
           one gradient. What is lost without warm-up, for Lion and for AdamW, at the
           best learning rate of each?
Command    keras-lion run studies/warm_up.py --task mnist1d_mlp_warm_up_0 --preset full
           (and _5 and _20: per cent of the steps; python_lm_warm_up_0 and _5)
Duration   1 to 4 minutes per task on 2 cores
Result     studies/README.md, studies/results/warm_up/
"""

from __future__ import annotations

from dataclasses import replace

from keras_lion.tuning import Study
from keras_lion.tuning.study import Comparison, Plan, Schedule
from keras_lion.tuning.study.grids import window
from keras_lion.tuning.tasks import get_task

CENTRES = {
    "mnist1d_mlp": {"lion": (3e-3, 1.0), "adamw": (1e-2, 0.3)},
    "python_lm": {"lion": (2e-3, 1.0), "adamw": (1e-2, 0.1)},
}
EPOCHS = {"mnist1d_mlp": 60, "python_lm": 1}
SHAPES = {"mnist1d_mlp": (7, 1), "python_lm": (3, 1)}
SEEDS = {"mnist1d_mlp": 6, "python_lm": 3}
PER_CENT = {"mnist1d_mlp": (0, 5, 20), "python_lm": (0, 5)}


def plan(
    task: str, per_cent: int, shape: tuple[int, int], *, epochs: int, seeds: int
) -> Plan:
    return Plan(
        {name: window(name, centre, shape) for name, centre in CENTRES[task].items()},
        epochs=epochs,
        seeds=seeds,
        evaluate_every=max(epochs // 10, 1),
        schedule=Schedule(warmup=per_cent / 100),
    )


NAMES = {
    f"{task}_warm_up_{per_cent}": (task, per_cent)
    for task, shares in PER_CENT.items()
    for per_cent in shares
}

STUDY = Study(
    name="warm_up",
    question="What is lost without warm-up?",
    plans={
        name: {
            "smoke": plan(task, per_cent, (1, 1), epochs=1, seeds=1),
            "full": plan(
                task, per_cent, SHAPES[task], epochs=EPOCHS[task], seeds=SEEDS[task]
            ),
        }
        for name, (task, per_cent) in NAMES.items()
    },
    comparison=Comparison(
        statement="Lion loses more without warm-up than AdamW.",
        measure="best_score_change",
        sides=("lion", "adamw"),
        margin=0.02,
        unit="nats",
        between={
            task: ({"task": f"{task}_warm_up_5"}, {"task": f"{task}_warm_up_0"})
            for task in PER_CENT
        },
        epsilon=dict.fromkeys(NAMES, 0.05),
    ),
    tasks={
        name: replace(get_task(task), name=name) for name, (task, _) in NAMES.items()
    },
)
