"""How good is `keras-lion recipe` on tasks that it was not made on?

Question   How good is `keras-lion recipe` on tasks that it was not made on?
Command    keras-lion run studies/recipe_new_tasks.py --task TASK --preset full
Duration   a minute per task on 1 core
Result     docs/recipe.md

Two tasks that no other study has: a synthetic one, in which a small network learns what
a random network says of random inputs, and breast cancers of scikit-learn. The grids
are wide, so that the best values lie inside. `studies/recipe.py` reads the runs, which
are kept in studies/results/recipe/new_tasks.csv.gz.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from keras_lion.tuning import Study, Task
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import window
from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.models import mlp

CENTERS = {"adamw": (1e-2, 10**-0.5), "lion": (10**-2.5, 10**0.5)}
SHAPE = (7, 6)
EPSILON = 0.02


def teacher_data() -> Data:
    """Classes that a random network of one hidden layer gives to Gaussian inputs."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(3_000, 20)).astype(np.float32)
    hidden = np.tanh(x @ draw.normal(size=(20, 16)) / np.sqrt(20))
    logits = hidden @ draw.normal(size=(16, 4)) + 0.3 * draw.normal(size=(3_000, 4))
    y = logits.argmax(axis=1).astype(np.int32)
    return Data(x=x[:2_500], y=y[:2_500], x_test=x[2_500:], y_test=y[2_500:])


def cancer_data() -> Data:
    """Breast cancer Wisconsin: 569 examples of 30 standardized features."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x = ((x - x.mean(axis=0)) / x.std(axis=0))[order].astype(np.float32)
    y = y[order].astype(np.int32)
    return Data(x=x[69:], y=y[69:], x_test=x[:69], y_test=y[:69])


TASKS = {
    "teacher": Task(
        name="teacher",
        data=teacher_data,
        model=partial(mlp, (20,), hidden=(64,), num_classes=4),
        train_examples=1_000,
        batch_size=50,
    ),
    "breast_cancer": Task(
        name="breast_cancer",
        data=cancer_data,
        model=partial(mlp, (30,), hidden=(32, 32), num_classes=2),
        train_examples=200,
        batch_size=20,
    ),
}
EPOCHS = {"teacher": 20, "breast_cancer": 30}


def plan(task: str, *, shape: tuple[int, int], seeds: int, epochs: int) -> Plan:
    return Plan(
        {name: window(name, center, shape) for name, center in CENTERS.items()},
        epochs=epochs,
        seeds=seeds,
        evaluate_every=epochs,
    )


STUDY = Study(
    name="recipe_new_tasks",
    question="How good is `keras-lion recipe` on tasks that it was not made on?",
    plans={
        task: {
            "smoke": plan(task, shape=(2, 2), seeds=1, epochs=1),
            "full": plan(task, shape=SHAPE, seeds=3, epochs=EPOCHS[task]),
        }
        for task in TASKS
    },
    comparison=Comparison(
        statement="Lion's best loss is below AdamW's.",
        measure="best_score",
        sides=("lion", "adamw"),
        epsilon=dict.fromkeys(TASKS, EPSILON),
    ),
    tasks=TASKS,
)
