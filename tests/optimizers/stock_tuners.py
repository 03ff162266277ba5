"""KerasTuner's own tuners on a model that is compiled with Lion.

    python -m tests.optimizers.stock_tuners NAME DIRECTORY

searches with one of them, as a chief or a worker where the environment says so.
"""

import sys
from typing import Any

import keras
import keras_tuner
import numpy as np

from keras_lion import Lion

EPOCHS, BATCHES, BATCH_SIZE = 2, 4, 16


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(BATCHES * BATCH_SIZE, 4))
    return x.astype("float32"), (x.sum(axis=1) > 0).astype("int32")


def build_model(hp: Any) -> Any:
    """A network whose width and learning rate are tuned."""
    width = hp.Choice("units", [4, 8])
    learning_rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log", step=10)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(width, activation="relu"),
            keras.layers.Dense(2),
        ]
    )
    model.compile(
        Lion(learning_rate, weight_decay=1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def tuner(name: str, directory: str, **options: Any) -> Any:
    """One of KerasTuner's tuners, small; it resumes what the directory contains."""
    budget = {"max_epochs": EPOCHS, "factor": 2} if name == "Hyperband" else {}
    return getattr(keras_tuner, name)(
        build_model,
        objective="val_accuracy",
        seed=1,
        directory=directory,
        project_name=name,
        **{**(budget or {"max_trials": 3}), **options},
    )


def search(found: Any, **options: Any) -> None:
    x, y = data()
    epochs = {} if isinstance(found, keras_tuner.Hyperband) else {"epochs": 2}
    found.search(
        x,
        y,
        validation_data=(x, y),
        batch_size=BATCH_SIZE,
        verbose=0,
        **epochs,
        **options,
    )


if __name__ == "__main__":
    search(tuner(*sys.argv[1:]))
