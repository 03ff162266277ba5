"""How do Lion and AdamW depend on the batch size, with lr and λ retuned at each?

Question   Chen et al. (2023, figure 9) find that Lion prefers larger batches, and is
           weaker than AdamW below 64. Is that so here, when every batch size has its
           own best learning rate and weight decay?
Command    keras-lion run studies/batch_size.py
           keras-lion run studies/batch_size.py --task mnist1d_mlp_fixed_steps
Duration   about 6 minutes on 2 cores (fixed epochs, standard)
Result     none is kept yet; the large presets are still to be run

The budget is declared in two ways, since neither is fair to all sizes. With fixed
epochs every size sees as many examples, and a large batch takes few steps. With fixed
steps every size takes as many steps, and a small batch sees few examples.
"""

from __future__ import annotations

import math
from dataclasses import replace

from keras_lion.tuning import Axis, SearchSpace, Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.tasks import get_task

RATIO = math.sqrt(10)
CENTRES = {"adamw": (1e-2, 0.3), "lion": (1e-2, 3.0)}  # at batch size 128
BETAS = {
    "adamw": {"beta_1": 0.9, "beta_2": 0.999},
    "lion": {"beta_1": 0.9, "beta_2": 0.99},
}
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
    "full": (7, 5, 3),
}
EPOCHS = {"smoke": 1, "pilot": 30, "standard": 30, "full": 60}
STEPS = {"smoke": 20, "pilot": 2000, "standard": 2000, "full": 4000}


def space(optimizer: str, batch_size: int, rates: int, decays: int) -> SearchSpace:
    """A window around √(batch size / 128) times the learning rate that suits 128.

    The square root is where to look, not what is claimed: the windows of neighbouring
    sizes overlap, and the report says where an optimum lies on an edge.
    """
    learning_rate, weight_decay = CENTRES[optimizer]
    centre = learning_rate * math.sqrt(batch_size / 128)
    return SearchSpace(
        axes=(
            Axis.geometric(
                "weight_decay", centre=weight_decay, ratio=RATIO, num=decays
            ),
            Axis.geometric("learning_rate", centre=centre, ratio=RATIO, num=rates),
        ),
        fixed={**BETAS[optimizer], "batch_size": batch_size},
    )


def plans(budget: str) -> dict[str, Plan]:
    """The presets, with a budget in `"epochs"` or in `"steps"`."""
    found = {}
    for preset, sizes in SIZES.items():
        rates, decays, seeds = SHAPES[preset]
        spaces = {
            name: tuple(space(name, size, rates, decays) for size in sizes)
            for name in CENTRES
        }
        if budget == "epochs":
            epochs = EPOCHS[preset]
            found[preset] = Plan(
                spaces, epochs=epochs, seeds=seeds, evaluate_every=max(epochs // 10, 1)
            )
        else:
            steps = STEPS[preset]
            found[preset] = Plan(
                spaces,
                epochs=None,
                steps=steps,
                seeds=seeds,
                evaluate_every=steps // 10,
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
    for name in ("mnist1d_mlp_fixed_epochs", "mnist1d_mlp_fixed_steps")
}

STUDY = Study(
    name="batch_size",
    question="How do Lion and AdamW depend on the batch size?",
    plans={
        "mnist1d_mlp_fixed_epochs": plans("epochs"),
        "mnist1d_mlp_fixed_steps": plans("steps"),
    },
    comparison=Comparison(
        statement="Lion tolerates a wider range of learning rates than AdamW.",
        epsilon=dict.fromkeys(TASKS, 0.05),
    ),
    tasks=TASKS,
)
