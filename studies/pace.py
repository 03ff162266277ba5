"""How does the best lr × λ move with length, batch size and number of examples?

Question   A step forgets a share lr × λ of the weights: their memory is
           1 / (lr × λ) steps. Wang and Aitchison (2024) find that AdamW's best memory,
           counted in epochs, hardly changes with the size of the data set or of the
           model; Bergsma et al. (2025) that it grows as a power of the training length
           and does not change with the batch size. Do both hold here, and for Lion?
Command    keras-lion run studies/pace.py --task TASK --preset full
           make evidence
Duration   batch sizes: 15 minutes on 2 cores; each length 1 to 6, each size 1 to 3
Result     studies/README.md, studies/results/pace/

The scale-invariant network of studies/effective_decay.py, on which lr × λ is all that
counts once κ = λ Σ η is large, so that one learning rate is enough: fifteen values of
lr × λ, 2 times apart, over four decades. Accuracy on 4,000 validation examples.

    batch_sizes     120 epochs of 4,000 examples in batches of 32 to 1,024
    length_EPOCHS   15 to 480 epochs of 4,000 examples in batches of 128
    examples_COUNT  120 epochs of 1,000 to 8,000 examples in batches of 128

Predictions, written and committed before any of these runs (2026-11-28), for AdamW and
Lion alike. The exponent is that of the best memory in epochs.

1. batch_sizes: constant, exponent within ±0.25: lr × λ grows with the batch size.
2. lengths: between 0 and 1, near the 0.5 of Bergsma et al.: [0.25, 0.75].
3. examples: constant, as Wang and Aitchison found, within ±0.25.
4. Lion's best lr × λ is 2.4 times AdamW's, what keeps the angle per step (between 1.2
   and 4.8), at every condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from keras_lion.tuning import Axis, SearchSpace, Study, Task
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import USUAL_BETAS
from keras_lion.tuning.tasks import get_task

RATES = {"adamw": 2.0**-8, "lion": 2.0**-10}
EPSILON = {"adamw": {"epsilon": 1e-30}}
EXPONENTS = tuple(range(-15, 0))  # of lr × λ, a power of two
BATCH_SIZES = (32, 64, 128, 256, 512, 1024)
EPOCHS = (15, 30, 60, 120, 240, 480)
EXAMPLES = (1_000, 2_000, 4_000, 8_000)


def space(
    optimizer: str, exponents: Sequence[int], batch_sizes: Sequence[int]
) -> SearchSpace:
    rate = RATES[optimizer]
    return SearchSpace(
        axes=(
            Axis("weight_decay", tuple(2.0**k / rate for k in exponents)),
            Axis("batch_size", tuple(batch_sizes)),
        ),
        fixed={
            "learning_rate": rate,
            **USUAL_BETAS[optimizer],
            **EPSILON.get(optimizer, {}),
        },
    )


def plans(epochs: int = 120, batch_sizes: Sequence[int] = (128,)) -> dict[str, Plan]:
    def plan(
        exponents: Sequence[int], batch_sizes: Sequence[int], epochs: int, seeds: int
    ) -> Plan:
        return Plan(
            {name: space(name, exponents, batch_sizes) for name in RATES},
            epochs=epochs,
            seeds=seeds,
            evaluate_every=max(epochs // 15, 1),
        )

    return {
        "smoke": plan(EXPONENTS[6:9], batch_sizes[:1], epochs=1, seeds=1),
        "full": plan(EXPONENTS, batch_sizes, epochs, seeds=5),
    }


_task = partial(
    replace,
    get_task("mnist1d_invariant"),
    train_examples=4_000,
    validation_examples=4_000,
)
TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        _task(name="batch_sizes"),
        *(_task(name=f"length_{epochs}") for epochs in EPOCHS),
        *(_task(name=f"examples_{count}", train_examples=count) for count in EXAMPLES),
    )
}

STUDY = Study(
    name="pace",
    question="How does the best lr × λ move with length, batch size and number of "
    "examples?",
    plans={
        "batch_sizes": plans(batch_sizes=BATCH_SIZES),
        **{f"length_{epochs}": plans(epochs) for epochs in EPOCHS},
        **{f"examples_{count}": plans() for count in EXAMPLES},
    },
    comparison=Comparison(
        statement="The best memory of the weights, in epochs, is the same at every "
        "batch size.",
        measure="memory_over_batch_size",
        value="score",
        sides=tuple(RATES),
        margin=0.25,
        epsilon=dict.fromkeys(TASKS, 0.01),
    ),
    # Predictions 2 and 3; declared as comparisons after the runs, so that the study's
    # own report has them.
    secondary={
        "lengths": Comparison(
            statement="The best memory of the weights, in epochs, is the same at every "
            "length.",
            measure="memory_over_epochs",
            value="score",
            sides=tuple(RATES),
            margin=0.25,
            epsilon={f"length_{epochs}": 0.01 for epochs in EPOCHS},
        ),
        "examples": Comparison(
            statement="The best memory of the weights, in epochs, is the same at every "
            "number of examples.",
            measure="memory_over_train_examples",
            value="score",
            sides=tuple(RATES),
            margin=0.25,
            epsilon={f"examples_{count}": 0.01 for count in EXAMPLES},
        ),
    },
    tasks=TASKS,
)
