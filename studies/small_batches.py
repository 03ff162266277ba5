"""Does Lion need other betas below a batch size of 64?

Question   Chen et al. (2023) find Lion weaker than AdamW below 64. Marek et al. (2025)
           advise that betas keep their half-life in examples: at 1/b of the batch size
           β becomes β^(1/b). Does that, or another pair, help Lion at 16 and 32?
Command    keras-lion run studies/small_batches.py --task mnist1d_batch_16 --preset full
           keras-lion run studies/small_batches.py --task mnist1d_batch_32 --preset full
Duration   2 minutes per task on 2 cores
Result     studies/README.md, studies/results/small_batches/

The network, data and budget of studies/batch_size.py (20 epochs of 8,192 examples).
Learning rate and weight decay are retuned for each pair of betas. 0.99/0.999 has about
the half-lives, in examples, that 0.9/0.99 has at batch size 128 if the batch size is
13, and 0.97/0.997 if it is 38.

Primary outcome, declared on 2026-11-28 before the runs: best validation accuracy with
0.99/0.999 − with 0.9/0.99, at each batch size (6 seeds); half a point is the smallest
difference that matters. The other pairs against 0.9/0.99 are secondary.
"""

from __future__ import annotations

import math
from dataclasses import replace

from keras_lion.tuning import Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.comparison import betas_text
from keras_lion.tuning.study.grids import RATIO, window
from keras_lion.tuning.tasks import get_task

USUAL = (0.9, 0.99)
LONGER = (0.99, 0.999)
OTHERS = ((0.95, 0.98), (0.97, 0.997))
SIZES = {"mnist1d_batch_16": 16, "mnist1d_batch_32": 32}
RATE = 1e-2 / RATIO**1.5  # at batch size 128, in the middle of the window

TASKS = {
    name: replace(
        get_task("mnist1d_mlp"),
        name=name,
        train_examples=8_192,
        validation_examples=5_000,
        batch_size=size,
    )
    for name, size in SIZES.items()
}


def plan(batch_size: int, shape: tuple[int, int], *, epochs: int, seeds: int) -> Plan:
    centre = (RATE * math.sqrt(batch_size / 128), 0.3)
    return Plan(
        {
            "lion": tuple(
                window(
                    "lion", centre, shape, fixed={"beta_1": beta_1, "beta_2": beta_2}
                )
                for beta_1, beta_2 in (USUAL, LONGER, *OTHERS)
            )
        },
        epochs=epochs,
        seeds=seeds,
        evaluate_every=max(epochs // 10, 1),
    )


def against_usual(betas: tuple[float, float]) -> Comparison:
    """The best accuracy with a pair of betas and with the usual one."""
    own, usual = betas_text(betas), betas_text(USUAL)
    return Comparison(
        statement=f"At batch sizes of 16 and 32, Lion is better with {own} than with "
        f"{usual}.",
        measure="best_score",
        value="score",
        sides=(f"lion {own}", f"lion {usual}"),
        margin=0.5,
        unit="points",
        epsilon=dict.fromkeys(TASKS, 0.05),
    )


STUDY = Study(
    name="small_batches",
    question="Does Lion need other betas below a batch size of 64?",
    plans={
        name: {
            "smoke": plan(size, (1, 1), epochs=1, seeds=1),
            "full": plan(size, (4, 3), epochs=20, seeds=6),
        }
        for name, size in SIZES.items()
    },
    comparison=against_usual(LONGER),
    secondary={betas_text(each): against_usual(each) for each in OTHERS},
    tasks=TASKS,
)
