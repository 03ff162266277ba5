"""Does lr × λ alone set the time to generalize?

Question   Weight decay acts through the product of learning rate and λ: weights forget
           over 1 / (lr × λ) steps (Wang and Aitchison, 2024), and both AdamW and Lion
           rotate by an angle that depends on the product only (Kosson et al., 2023). Is
           the number of steps to a given validation accuracy a function of lr × λ?
Command    keras-lion run studies/effective_decay.py --task TASK --preset full
           make evidence
Duration   1 to 15 minutes per task on 2 cores
Result     studies/README.md, studies/results/effective_decay/

Every line has one product lr × λ and learning rates over two decades. On it the law
says that the steps to the target do not change: the slope of log steps against log lr,
with the product held, is s = 0. If the learning rate alone decides, s = −1.

Predictions, written before these runs (2026-11-21). What sets the time is what is slow:
the descent, over 1 / lr, or the decay, over 1 / (lr × λ). The number of decay times
until the target, κ_T = λ Σ η, tells which.

1. modular_addition is fitted long before it generalises, and decay does the rest
   (κ_T above 3): the law holds for AdamW, |s| < 0.15, and the steps go as the product
   to the power −1 ± 0.25.
2. Lion's weights stay below 1/λ. Where that is less than the solution needs (λ of 10
   kills it in the pilot, a λ of 3 does not), no product helps: Lion's and Signum's
   lines end at a λ, not at a product. Where they train, |s| < 0.15 as for AdamW.
3. mnist1d (κ_T below 1): the learning rate decides, s < −0.5, for all three. The main
   study has shown as much, so this one is no prediction, only a check.
4. mnist1d_normalised (a LayerNormalization behind every hidden layer, so that the scale
   of its weights does not matter): |s| < 0.15 at products where κ_T is above 3, and
   s < −0.5 where it is below 1.
5. Training length: on mnist1d the product explains more of the validation loss after
   120 epochs than after 15, for all three.
6. Sign saturation: with batches of 512 the sign is nearly free of noise, a step is as
   long whatever the gradient, and |s| is larger than with batches of 16, for Lion and
   Signum and not for AdamW.
7. A cosine schedule changes s by less than 0.15, since targets are reached early.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from keras_lion.tuning import Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import iso_product_lines
from keras_lion.tuning.study.schedule import Decay, Schedule
from keras_lion.tuning.tasks import get_task
from keras_lion.tuning.tasks.models import mlp
from keras_lion.tuning.tasks.task import Task

OPTIMIZERS = ("adamw", "lion", "signum")
TWO_DECADES = {  # of learning rates
    "modular_addition": (1e-3, 3.16228e-3, 1e-2, 3.16228e-2, 1e-1),
    "adamw": (1e-3, 3.16228e-3, 1e-2, 3.16228e-2, 1e-1),
    "lion": (3.16228e-4, 1e-3, 3.16228e-3, 1e-2, 3.16228e-2),
    "signum": (3.16228e-4, 1e-3, 3.16228e-3, 1e-2, 3.16228e-2),
}
PRODUCTS = {
    "modular_addition": (3.16228e-3, 1e-2, 3.16228e-2),
    "mnist1d": (3.16228e-4, 1e-3, 3.16228e-3, 1e-2, 3.16228e-2),
}


def plan(
    products: Sequence[float],
    *,
    decay: Decay = "constant",
    rates: Sequence[float] | None = None,
    optimizers: Sequence[str] = OPTIMIZERS,
    epochs: int | None = None,
    steps: int | None = None,
    evaluate_every: int = 1,
    batch_size: int | None = None,
    seeds: int = 5,
) -> Plan:
    """All lines of some optimizers."""
    return Plan(
        {
            name: iso_product_lines(name, rates or TWO_DECADES[name], products)
            for name in optimizers
        },
        epochs=epochs,
        steps=steps,
        seeds=seeds,
        evaluate_every=evaluate_every,
        schedule=Schedule(decay=decay),
        batch_size=batch_size,
    )


def modular(decay: Decay) -> dict[str, Plan]:
    """1,330 epochs are 3,990 steps."""
    rates = TWO_DECADES["modular_addition"]
    products = PRODUCTS["modular_addition"]
    return {
        "smoke": plan(products[1:2], decay=decay, rates=rates[2:4], epochs=2, seeds=1),
        "full": plan(
            products, decay=decay, rates=rates, epochs=1330, evaluate_every=10
        ),
    }


def mnist1d(decay: Decay = "constant") -> dict[str, Plan]:
    products = PRODUCTS["mnist1d"]
    return {
        "smoke": plan(products[2:3], decay=decay, epochs=2, seeds=1),
        "full": plan(products, decay=decay, epochs=120),
    }


def mnist1d_batches(batch_size: int) -> dict[str, Plan]:
    """As many steps for every batch size."""
    products = PRODUCTS["mnist1d"][1:4]
    return {
        "smoke": plan(products[:1], steps=16, batch_size=batch_size, seeds=1),
        "full": plan(products, steps=1920, evaluate_every=16, batch_size=batch_size),
    }


def _to_target(name: str, task: str, target: float, **changes: Any) -> Task:
    return replace(
        get_task(task), name=name, metric="steps_to_target", target=target, **changes
    )


def _normalised() -> object:
    return mlp((40,), hidden=(100, 100), num_classes=10, normalise=True)


_mnist1d = partial(
    _to_target, task="mnist1d_mlp", target=0.6, validation_examples=2_000
)
TASKS = {
    task.name: task
    for task in (
        _to_target("modular_addition_constant", "modular_addition", 0.9),
        _to_target("modular_addition_cosine", "modular_addition", 0.9),
        _mnist1d("mnist1d_constant"),
        _mnist1d("mnist1d_cosine"),
        _mnist1d("mnist1d_normalised", model=_normalised),
        _mnist1d("mnist1d_normalised_batch_16", model=_normalised),
        _mnist1d("mnist1d_normalised_batch_512", model=_normalised),
    )
}

STUDY = Study(
    name="effective_decay",
    question="Does lr × λ alone set the time to generalize?",
    plans={
        "modular_addition_constant": modular("constant"),
        "modular_addition_cosine": modular("cosine"),
        "mnist1d_constant": mnist1d(),
        "mnist1d_cosine": mnist1d("cosine"),
        "mnist1d_normalised": mnist1d(),
        "mnist1d_normalised_batch_16": mnist1d_batches(16),
        "mnist1d_normalised_batch_512": mnist1d_batches(512),
    },
    comparison=Comparison(
        statement="lr × λ alone sets the time to generalise.",
        measure="iso_product_slope",
        value="score",
        sides=OPTIMIZERS,
        margin=0.15,
        epsilon=dict.fromkeys(TASKS, 0.15),
    ),
    tasks=TASKS,
)
