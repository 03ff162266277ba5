"""How long a warm-up does a run of a few hundred steps need?

Question   A warm-up of 2,000 steps is usual in long runs. What share of a run of 310 or
           620 steps should warm up, for Lion and for AdamW, at the best learning rate
           of each and at 3.2 times it?
Command    keras-lion run studies/short_warm_up.py --task TASK --preset full
           (mnist1d_mlp_310_warm_up_0, _2, _5, _10, _20: steps and per cent of them;
           mnist1d_mlp_620_warm_up_0, _2, _5, _10, _20)
Duration   half a minute to one minute per task on 2 cores
Result     docs/practice.md, studies/results/short_warm_up/

Learning rates are half decades apart, and the weight decay is that of the best cell of
the main study. The best learning rate of a length is that of the lowest validation
loss, averaged over the warm-ups and the seeds; 3.2 times it is the next of the grid.

Predictions, written before the first run:
  - At the best learning rate AdamW's loss depends on the warm-up by less than ε (0.05
    nats), Lion's by less than 0.1, and no warm-up is the worst for Lion.
  - At 3.2 times the best, no warm-up costs both more than ε against 10 %.
  - 20 % is not better than 10 % by ε anywhere: the time is missing at the end.
  - In steps, what is enough is alike at both lengths: 30 to 60 steps.
"""

from __future__ import annotations

from dataclasses import replace

from keras_lion.tuning import Study
from keras_lion.tuning.study import Comparison, Plan, Schedule
from keras_lion.tuning.study.grids import window
from keras_lion.tuning.tasks import get_task

TASK = "mnist1d_mlp"
STEPS = (310, 620)
PER_CENT = (0, 2, 5, 10, 20)
CENTRES = {"lion": (0.01, 3.0), "adamw": (0.03, 0.3)}
RATES, SEEDS, EPSILON = 6, 6, 0.05


def name_of(steps: int, per_cent: int) -> str:
    """The name of a length with a warm-up."""
    return f"{TASK}_{steps}_warm_up_{per_cent}"


def plan(per_cent: int, steps: int, *, rates: int, seeds: int) -> Plan:
    return Plan(
        {name: window(name, centre, (rates, 1)) for name, centre in CENTRES.items()},
        epochs=None,
        steps=steps,
        seeds=seeds,
        evaluate_every=steps,
        schedule=Schedule(warmup=per_cent / 100),
    )


CONDITIONS = {
    name_of(steps, per_cent): (steps, per_cent)
    for steps in STEPS
    for per_cent in PER_CENT
}

STUDY = Study(
    name="short_warm_up",
    question="How long a warm-up does a run of a few hundred steps need?",
    plans={
        name: {
            "smoke": plan(per_cent, 31, rates=1, seeds=1),
            "full": plan(per_cent, steps, rates=RATES, seeds=SEEDS),
        }
        for name, (steps, per_cent) in CONDITIONS.items()
    },
    comparison=Comparison(
        statement="Without warm-up Lion loses more than AdamW in a short run.",
        measure="best_score_change",
        sides=("lion", "adamw"),
        margin=0.02,
        unit="nats",
        between={
            f"{steps} steps": (
                {"task": name_of(steps, 10)},
                {"task": name_of(steps, 0)},
            )
            for steps in STEPS
        },
        epsilon=dict.fromkeys(CONDITIONS, EPSILON),
    ),
    tasks={name: replace(get_task(TASK), name=name) for name in CONDITIONS},
)
