"""Is a bfloat16 momentum harmless?

Question   Chen et al. (2023) keep Lion's momentum in bfloat16. Here it is stored so,
           rounded stochastically, with all arithmetic in float32. Does the best score
           change?
Command    keras-lion run studies/momentum_dtype.py --preset full
           keras-lion run studies/momentum_dtype.py --task python_lm --preset full
Duration   3 minutes (mnist1d_mlp), 6 minutes (python_lm) on 2 cores
Result     studies/README.md, studies/results/momentum_dtype/
"""

from __future__ import annotations

from typing import Any

from keras_lion.tuning import Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import USUAL_BETAS, window

CENTRES = {"mnist1d_mlp": (1e-2, 1.0), "python_lm": (2e-3, 1.0)}


def lion_bfloat16(beta_1: float, beta_2: float) -> Any:
    """Lion with its momentum in bfloat16; the engine adds the weight decay."""
    from keras_lion import Lion

    return Lion(beta_1=beta_1, beta_2=beta_2, momentum_dtype="bfloat16")


def plan(task: str, shape: tuple[int, int], *, epochs: int, seeds: int) -> Plan:
    """One grid for both storages."""
    grid = window("lion", CENTRES[task], shape, fixed=USUAL_BETAS["lion"])
    return Plan(
        {"lion": grid, "lion_bfloat16": grid},
        epochs=epochs,
        seeds=seeds,
        evaluate_every=max(epochs // 10, 1),
    )


STUDY = Study(
    name="momentum_dtype",
    question="Is a bfloat16 momentum harmless?",
    plans={
        "mnist1d_mlp": {
            "smoke": plan("mnist1d_mlp", (1, 1), epochs=1, seeds=1),
            "full": plan("mnist1d_mlp", (3, 3), epochs=60, seeds=6),
        },
        "python_lm": {
            "smoke": plan("python_lm", (1, 1), epochs=1, seeds=1),
            "full": plan("python_lm", (3, 1), epochs=1, seeds=3),
        },
    },
    comparison=Comparison(
        statement="With a bfloat16 momentum the best score is as with float32.",
        measure="best_score_kept",
        sides=("lion_bfloat16", "lion"),
        margin=0.02,
        unit="nats",
        epsilon={"mnist1d_mlp": 0.05, "python_lm": 0.05},
    ),
    optimizers={"lion_bfloat16": lion_bfloat16},
)
