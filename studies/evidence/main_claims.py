"""Claims that the main study measures: learning rate and weight decay."""

from __future__ import annotations

import math

import pandas as pd
from outcome import Measured, Outcome, written
from runs import (
    MAIN,
    declared,
    is_complete,
    landscapes,
    law_errors,
    runs_of,
    width_errors,
)
from shared import difference_of_best, each_task, missing

from keras_lion.robustness import boundary_optimum, findings

MAIN_TASKS = (
    "mnist1d_mlp",
    "digits_mlp",
    "fashion_mnist_mlp",
    "fashion_mnist_cnn",
    "fashion_mnist_vit",
    "python_lm",
)
OUTCOMES: dict[str, Outcome] = {
    "supported": "reproduced",
    "not supported": "not reproduced",
    "underpowered": "underpowered",
    "provisional": "provisional",
    "untestable": "untestable",
}


def less_sensitive() -> list[Measured]:
    """Lion tolerates a wider range of learning rates than AdamW."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        epsilon = declared(MAIN).comparison.epsilon[task]
        found = findings(frame, task=task, epsilon=epsilon)[0]
        gap = f", could see {found.detectable_gap:.2f}" if found.detectable_gap else ""
        return Measured(
            where=f"{task}, ε = {epsilon:g} nats",
            text=f"width Lion − AdamW {written(found.estimate, 'decades')}{gap}",
            outcome=OUTCOMES[found.outcome],
            interval=found.estimate,
            windows=None if math.isnan(found.window_share) else found.window_share,
            errors=width_errors(),
            reasons=() if found.outcome == "not supported" else found.reasons,
        )

    return each_task(MAIN, measure, *MAIN_TASKS)


def lr_and_decay_shift() -> list[Measured]:
    """The best learning rate is 3-10 times smaller, the best λ as many times larger."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        found = landscapes(frame, "final_loss")
        adamw, lion = found["adamw"].best, found["lion"].best
        lower = adamw.learning_rate / lion.learning_rate
        if not adamw.weight_decay:
            reason = "AdamW is best without weight decay: λ has no ratio"
            return Measured(task, reason, "untestable")
        higher = lion.weight_decay / adamw.weight_decay
        edges = [
            f"the optimum of {name} lies on the {edge.side} {edge.axis} edge"
            for name, each in found.items()
            for edge in boundary_optimum(each)
        ]
        inside = all(3 <= round(ratio, 3) <= 10.01 for ratio in (lower, higher))
        product = higher / lower
        outcome: Outcome = "reproduced" if inside else "not reproduced"
        return Measured(
            where=task,
            text=f"best lr {lower:.2g} times smaller, best λ {higher:.2g} times "
            f"larger, lr·λ {product:.2g} times AdamW's (validation loss; grid of half "
            f"decades, n={found['lion'].num_seeds.max()})",
            outcome="provisional" if edges else outcome,
            errors="a ratio is known to half a decade",
            reasons=edges,
        )

    return each_task(MAIN, measure, *MAIN_TASKS)


def better_best() -> list[Measured]:
    """Lion's best score is above AdamW's; on MNIST-sized tasks AdamW's is."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        return difference_of_best(frame, "lion", "adamw", where=task, claimed=-1)

    return each_task(MAIN, measure, *MAIN_TASKS)


def product_law() -> list[Measured]:
    """lr·λ alone explains the validation loss: of either optimizer, on every task."""

    def measure_both(task: str, frame: pd.DataFrame) -> list[Measured]:
        epsilon = declared(MAIN).comparison.epsilon[task]
        return [
            Measured(
                where=f"{task}, {found.claim.rstrip('.').rsplit(' ', 1)[-1]}",
                text=found.sentence,
                outcome=OUTCOMES[found.outcome],
                interval=found.estimate,
                windows=None if math.isnan(found.window_share) else found.window_share,
                errors=law_errors(),
                reasons=() if found.outcome == "not supported" else found.reasons,
            )
            for found in findings(frame, task=task, epsilon=epsilon)[1:]
        ]

    found: list[Measured] = []
    for task in MAIN_TASKS:
        if is_complete(MAIN, task):
            found += measure_both(task, runs_of(MAIN, task))
        else:
            found.append(missing(task))
    return found
