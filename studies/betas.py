"""Which betas do Lion and AdamW need?

Question   Chen et al. (2023) use 0.9/0.99 for images and 0.95/0.98 for language, and
           find one beta worse. AdamW's β₂ is tuned as well, or the comparison is not
           fair.
Command    keras-lion run studies/betas.py --preset full
           keras-lion run studies/betas.py --task python_lm --preset full
           on a GPU: --task curves_vit (or source_lm) --preset gpu
Duration   3 minutes (mnist1d_mlp), 8 minutes (python_lm) on 2 cores
Result     studies/README.md, studies/results/betas/

Learning rate and weight decay are retuned for each pair (on python_lm the learning rate
alone, since a run is long).
"""

from __future__ import annotations

from keras_lion.tuning import Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import window
from studies import gpu_tasks

PAIRS = {
    "lion": ((0.9, 0.99), (0.95, 0.98), (0.9, 0.999), (0.95, 0.95)),
    "adamw": ((0.9, 0.95), (0.9, 0.99), (0.9, 0.999)),
}
CENTRES = {
    "mnist1d_mlp": {"lion": (1e-2, 1.0), "adamw": (1e-2, 0.3)},
    "python_lm": {"lion": (2e-3, 1.0), "adamw": (1e-2, 0.1)},
    "curves_vit": {"lion": (1e-3, 3.16228), "adamw": (3.16228e-3, 1.0)},
    "source_lm": {"lion": (1e-3, 10.0), "adamw": (3.16228e-3, 3.16228)},
}


def plan(
    task: str,
    shape: tuple[int, int],
    *,
    seeds: int,
    epochs: int | None = None,
    steps: int | None = None,
) -> Plan:
    """One window for each pair of betas, the same for all pairs of an optimizer."""
    budget = epochs or steps or 1
    return Plan(
        {
            name: tuple(
                window(
                    name,
                    CENTRES[task][name],
                    shape,
                    fixed={"beta_1": beta_1, "beta_2": beta_2},
                )
                for beta_1, beta_2 in pairs
            )
            for name, pairs in PAIRS.items()
        },
        epochs=epochs,
        seeds=seeds,
        evaluate_every=max(budget // 10, 1),
        steps=steps,
    )


STUDY = Study(
    name="betas",
    question="Which betas do Lion and AdamW need?",
    plans={
        "mnist1d_mlp": {
            "smoke": plan("mnist1d_mlp", (1, 1), epochs=1, seeds=1),
            "full": plan("mnist1d_mlp", (5, 3), epochs=60, seeds=3),
        },
        "python_lm": {
            "smoke": plan("python_lm", (1, 1), epochs=1, seeds=1),
            "full": plan("python_lm", (3, 1), epochs=1, seeds=3),
        },
        # On a GPU; not run yet.
        "curves_vit": {
            "smoke": plan("curves_vit", (1, 1), steps=2, seeds=1),
            "gpu": plan("curves_vit", (3, 3), epochs=50, seeds=3),
        },
        "source_lm": {
            "smoke": plan("source_lm", (1, 1), steps=2, seeds=1),
            "gpu": plan("source_lm", (3, 3), steps=5_000, seeds=3),
        },
    },
    comparison=Comparison(
        statement="Lion with 0.9/0.99 reaches a lower loss than with one beta of 0.95.",
        measure="best_score",
        sides=("lion 0.9/0.99", "lion 0.95/0.95"),
        margin=0.02,
        unit="nats",
        epsilon={
            "mnist1d_mlp": 0.05,
            "python_lm": 0.05,
            "curves_vit": 0.05,
            "source_lm": 0.05,
        },
    ),
    tasks=gpu_tasks.TASKS,
)
