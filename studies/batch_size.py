"""How do Lion and AdamW depend on the batch size?

Question   Chen et al. (2023, figure 8) find that Lion prefers larger batches, and is
           weaker than AdamW below 64. Is that so here, when every batch size has its
           own best learning rate and weight decay?
Command    keras-lion run studies/batch_size.py --task TASK --preset full
           on a GPU: --task curves_vit (or source_lm) --preset gpu
Duration   5 to 10 minutes per task on 2 cores
Result     studies/README.md, studies/results/batch_size/

No budget is fair to all batch sizes, so there are three:

    mnist1d_mlp_fixed_epochs        20 epochs: a large batch takes few steps
    mnist1d_mlp_fixed_steps         600 steps: a small batch sees few examples
    mnist1d_mlp_constant_half_life  20 epochs, and β₂ keeps its half-life in examples,
                                    as Marek et al. (2025) advise:
                                    β₂(B) = β₂(128)^(B / 128)

Primary outcome, declared on 2026-11-28 before its runs: with fixed epochs, the best
validation accuracy of Lion − that of AdamW, mean over the batch sizes 256, 512 and
1,024, less its mean over 16, 32 and 64 (10 seeds; a point is the smallest difference
that matters). The other budgets (5 seeds) are secondary. The batch sizes 2,048 and
4,096 of an earlier form left 40 to 80 steps and are no longer run.

The window is 4 learning rates and 4 weight decays, half a decade apart. An earlier one
had its lowest weight decay at 0.95 (Lion) and 0.095 (AdamW), where most optima lay. A
pilot with one seed, down to no decay at all, found AdamW's best between 0.03 and 0.3,
and Lion's between 0.3 and 0.95, except at 1,024, where all of 0 to 0.95 are alike.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from keras_lion.tuning import SearchSpace, Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import RATIO, USUAL_BETAS, window
from keras_lion.tuning.tasks import get_task
from studies import gpu_tasks

SMALL, LARGE = (16, 32, 64), (256, 512, 1024)
QUARTER = math.sqrt(RATIO)
# At batch size 128.
CENTRES = {
    "adamw": (1e-2 * QUARTER, 0.3 / QUARTER),
    "lion": (1e-2 / QUARTER, 0.3 * QUARTER),
}
SIZES = {"smoke": (64, 512), "standard": (16, 64, 256, 1024), "full": SMALL + LARGE}
SHAPES = {"smoke": (2, 2), "standard": (4, 4), "full": (4, 4)}
SEEDS = {"smoke": 1, "standard": 2, "full": 10}
EPOCHS = {"smoke": 1, "standard": 20, "full": 20}
STEPS = {"smoke": 20, "standard": 600, "full": 600}


def space(
    optimizer: str, batch_size: int, shape: tuple[int, int], *, half_life: bool
) -> SearchSpace:
    """A window around √(batch size / 128) times the learning rate that suits 128.

    The square root is where to look, not what is claimed: the windows of neighboring
    sizes overlap, and an optimum on an edge is reported.
    """
    learning_rate, weight_decay = CENTRES[optimizer]
    fixed: dict[str, float] = {"batch_size": batch_size}
    if half_life:
        fixed["beta_2"] = USUAL_BETAS[optimizer]["beta_2"] ** (batch_size / 128)
    centre = (learning_rate * math.sqrt(batch_size / 128), weight_decay)
    return window(optimizer, centre, shape, fixed=fixed)


def plans(*, steps: bool = False, half_life: bool = False) -> dict[str, Plan]:
    """The presets, with a budget in epochs or in steps."""
    found = {}
    for preset, sizes in SIZES.items():
        budget = STEPS[preset] if steps else EPOCHS[preset]
        primary = not steps and not half_life
        found[preset] = Plan(
            {
                name: tuple(
                    space(name, size, SHAPES[preset], half_life=half_life)
                    for size in sizes
                )
                for name in CENTRES
            },
            epochs=None if steps else budget,
            steps=budget if steps else None,
            seeds=SEEDS[preset] if primary else min(SEEDS[preset], 5),
            evaluate_every=max(budget // 10, 1),
        )
    return found


# On a GPU; not run yet. Sizes as large as the paper's, and runs long enough for them.
GPU_SIZES = {"curves_vit": (128, 1024, 4096), "source_lm": (64, 128, 256, 512)}
GPU_CENTRES = {"adamw": (3.16228e-3, 1.0), "lion": (1e-3, 3.16228)}  # at 128
GPU_BUDGETS: dict[str, dict[str, int | None]] = {
    "curves_vit": {"epochs": 50, "steps": None, "evaluate_every": 5},
    "source_lm": {"epochs": None, "steps": 5_000, "evaluate_every": 500},
}


def gpu_plans(task: str) -> dict[str, Plan]:
    """The presets of a task that takes a GPU."""

    def spaces(shape: tuple[int, int], sizes: tuple[int, ...]) -> dict[str, Any]:
        return {
            name: tuple(
                window(
                    name,
                    (rate * math.sqrt(size / 128), decay),
                    shape,
                    fixed={"batch_size": size},
                )
                for size in sizes
            )
            for name, (rate, decay) in GPU_CENTRES.items()
        }

    sizes = GPU_SIZES[task]
    return {
        "smoke": Plan(spaces((1, 1), sizes[:1]), epochs=None, steps=2, seeds=1),
        "gpu": Plan(spaces((4, 4), sizes), seeds=3, **GPU_BUDGETS[task]),  # type: ignore[arg-type]
    }


# More training examples than the task's own 4,000, as in the earlier form.
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
} | gpu_tasks.TASKS


def large_against_small(task: str) -> Comparison:
    """Lion's gain on AdamW at large batches less that at small ones."""
    small: tuple[int, ...] = SMALL
    large: tuple[int, ...] = LARGE
    text = "from batches of 16 to 64 to those of 256 to 1,024"
    if task in GPU_SIZES:
        small, large = GPU_SIZES[task][:1], GPU_SIZES[task][-1:]
        text = f"from batches of {small[0]} to those of {large[0]:,}"
    nats = task == "source_lm"
    return Comparison(
        statement=f"Lion gains on AdamW {text}.",
        measure="best_score_change",
        value="score",
        sides=("lion", "adamw"),
        margin=0.02 if nats else 1.0,
        unit="nats" if nats else "points",
        between={
            task: (
                {"task": task, "batch_size": large},
                {"task": task, "batch_size": small},
            )
        },
        epsilon=dict.fromkeys(TASKS, 0.05),
    )


FIRST, *OTHERS = TASKS
STUDY = Study(
    name="batch_size",
    question="How do Lion and AdamW depend on the batch size?",
    plans={
        "mnist1d_mlp_fixed_epochs": plans(),
        "mnist1d_mlp_fixed_steps": plans(steps=True),
        "mnist1d_mlp_constant_half_life": plans(half_life=True),
        **{task: gpu_plans(task) for task in GPU_SIZES},
    },
    comparison=large_against_small(FIRST),
    secondary={task: large_against_small(task) for task in OTHERS},
    tasks=TASKS,
)
