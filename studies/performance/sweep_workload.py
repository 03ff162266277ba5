"""What `sweep_throughput.py` trains, on every side: a study of short runs.

Question   How many runs per minute does the engine train?
Command    python studies/performance/sweep_throughput.py
           keras-lion run studies/performance/sweep_workload.py --preset full trains the
           longer runs with which workers are measured.
Duration   about 10 minutes on 2 cores, all of it
Result     studies/results/performance/sweep_throughput.json
"""

from __future__ import annotations

from dataclasses import replace

from keras_lion.tuning import Axis, SearchSpace, Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.tasks import get_task
from keras_lion.tuning.tasks.task import Task

BATCH_SIZE = 128
EPOCHS = 2
LONG_EPOCHS = 12  # of preset `full`, so that starting Python is a small part

# Multiples of the batch size, so that "drop the remainder" (ours) and "a smaller last
# batch" (Keras's `fit`) are the same steps.
TRAIN_EXAMPLES = {
    "digits_mlp": 896,
    "fashion_mnist_mlp": 16_384,
    "fashion_mnist_cnn": 4_096,
}
VALIDATION_EXAMPLES = {
    "digits_mlp": 437,
    "fashion_mnist_mlp": 10_000,
    "fashion_mnist_cnn": 2_000,
}

# Rates at which nothing diverges: every side trains every step.
CENTRES = {"adamw": (1e-3, 0.1), "lion": (1e-4, 1.0)}
BETAS = {"adamw": (0.9, 0.999), "lion": (0.9, 0.99)}


def task_of(name: str) -> Task:
    """A built-in task with the sizes of this measurement."""
    return replace(
        get_task(name),
        batch_size=BATCH_SIZE,
        train_examples=TRAIN_EXAMPLES[name],
        validation_examples=VALIDATION_EXAMPLES[name],
    )


def space(optimizer: str, points: int) -> SearchSpace:
    """`points` learning rates times as many weight decays."""
    (rate, decay), (beta_1, beta_2) = CENTRES[optimizer], BETAS[optimizer]
    return SearchSpace(
        axes=(
            Axis.geometric("weight_decay", centre=decay, ratio=3, num=points),
            Axis.geometric("learning_rate", centre=rate, ratio=2, num=points),
        ),
        fixed={"beta_1": beta_1, "beta_2": beta_2},
    )


def plan(points: int, seeds: int, epochs: int = EPOCHS) -> Plan:
    """2 optimizers × `points`² configurations × `seeds`."""
    return Plan(
        {optimizer: space(optimizer, points) for optimizer in CENTRES},
        epochs=epochs,
        seeds=seeds,
    )


# 64 runs; 16 of the convolutional network, whose steps are long; 8 of `smoke`.
STUDY = Study(
    name="sweep_throughput",
    question="How many runs per minute does the engine train?",
    plans={
        name: {
            "smoke": plan(points=2, seeds=1),
            "standard": plan(points=2 if name == "fashion_mnist_cnn" else 4, seeds=2),
            "full": plan(points=4, seeds=2, epochs=LONG_EPOCHS),
        }
        for name in TRAIN_EXAMPLES
    },
    comparison=Comparison(
        statement="The engine trains as many runs a minute as a loop written by hand.",
        epsilon=dict.fromkeys(TRAIN_EXAMPLES, 0.02),
    ),
    tasks={name: task_of(name) for name in TRAIN_EXAMPLES},
)
