"""How do Lion and AdamW depend on the batch size?

Question   Chen et al. (2023, figure 8) find that Lion prefers larger batches, and is
           weaker than AdamW below 64. Is that so here, when every batch size has its
           own best learning rate and weight decay?
Command    keras-lion run studies/batch_size.py
           keras-lion run studies/batch_size.py --task mnist1d_mlp_fixed_steps
           keras-lion run studies/batch_size.py --task mnist1d_mlp_constant_half_life
Duration   about 6 minutes on 2 cores (fixed epochs, standard)
Result     studies/README.md, studies/results/batch_size/

With mnist1d_mlp_constant_half_life the budget is in epochs, and β₂ moves with the batch
size so that its half-life in examples is that of batch size 128 (Marek et al., 2025):
β₂(B) = β₂(128)^(B / 128). The other tasks keep β₂.

The budget is declared in two ways, since neither is fair to all sizes. With fixed
epochs every size sees as many examples, and a large batch takes few steps. With fixed
steps every size takes as many steps, and a small batch sees few examples.
"""

from __future__ import annotations

import math
from dataclasses import replace

from keras_lion.tuning import SearchSpace, Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import USUAL_BETAS, window
from keras_lion.tuning.tasks import get_task

CENTRES = {"adamw": (1e-2, 0.3), "lion": (1e-2, 3.0)}  # at batch size 128
SIZES = {
    "smoke": (64, 512),
    "pilot": (16, 256, 4096),
    "standard": (16, 64, 256, 1024, 4096),
    "full": tuple(2**k for k in range(4, 13)),
}
# Learning rates, weight decays and seeds.
SHAPES = {
    "smoke": (2, 1, 1),
    "pilot": (7, 1, 1),
    "standard": (5, 3, 2),
    "full": (5, 3, 3),
}
EPOCHS = {"smoke": 1, "pilot": 20, "standard": 20, "full": 20}
STEPS = {"smoke": 20, "pilot": 600, "standard": 600, "full": 600}


def space(
    optimizer: str, batch_size: int, rates: int, decays: int, *, half_life: bool
) -> SearchSpace:
    """A window around √(batch size / 128) times the learning rate that suits 128.

    The square root is where to look, not what is claimed: the windows of neighbouring
    sizes overlap, and the report says where an optimum lies on an edge.
    """
    learning_rate, weight_decay = CENTRES[optimizer]
    fixed: dict[str, float] = {"batch_size": batch_size}
    if half_life:
        fixed["beta_2"] = USUAL_BETAS[optimizer]["beta_2"] ** (batch_size / 128)
    return window(
        optimizer,
        (learning_rate * math.sqrt(batch_size / 128), weight_decay),
        (rates, decays),
        fixed=fixed,
    )


def plans(*, steps: bool = False, half_life: bool = False) -> dict[str, Plan]:
    """The presets, with a budget in epochs or in steps."""
    found = {}
    for preset, sizes in SIZES.items():
        rates, decays, seeds = SHAPES[preset]
        spaces = {
            name: tuple(
                space(name, size, rates, decays, half_life=half_life) for size in sizes
            )
            for name in CENTRES
        }
        budget = STEPS[preset] if steps else EPOCHS[preset]
        found[preset] = Plan(
            spaces,
            epochs=None if steps else budget,
            steps=budget if steps else None,
            seeds=seeds,
            evaluate_every=max(budget // 10, 1),
        )
    return found


# More training examples than the task's own 4,000, so that the largest batch fits.
TASKS = {
    name: replace(
        get_task("mnist1d_mlp"),
        name=name,
        train_examples=8_192,
        validation_examples=5_000,
    )
    for name in (
        "mnist1d_mlp_fixed_epochs",
        "mnist1d_mlp_fixed_steps",
        "mnist1d_mlp_constant_half_life",
    )
}

STUDY = Study(
    name="batch_size",
    question="How do Lion and AdamW depend on the batch size?",
    plans={
        "mnist1d_mlp_fixed_epochs": plans(),
        "mnist1d_mlp_fixed_steps": plans(steps=True),
        "mnist1d_mlp_constant_half_life": plans(half_life=True),
    },
    comparison=Comparison(
        statement="Lion gains on AdamW as the batch grows.",
        measure="best_score_per_doubling",
        value="score",
        sides=("lion", "adamw"),
        margin=0.1,
        unit="points",
        epsilon=dict.fromkeys(TASKS, 0.05),
    ),
    tasks=TASKS,
)
