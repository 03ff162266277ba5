"""Stock KerasTuner on the same grid: `GridSearch`, `compile`, `fit`; none of ours."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np

from keras_lion.tuning.study import RunSpecification
from keras_lion.tuning.study.seeds import run_seeds
from keras_lion.tuning.tasks.task import Task


def learning_rate_schedule(peak: float, steps: int, warmup: float) -> Any:
    """Linear warm-up to the peak, then a cosine to zero, as Keras writes it."""
    warm = round(warmup * steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=steps - warm,
        warmup_target=peak,
        warmup_steps=warm,
    )


def search(task: Task, runs: Sequence[RunSpecification], trials: int) -> None:
    """Search over the first `trials` points of a grid.

    The optimizer is the axis that moves fastest, so both are in every subset. Every
    trial trains on the split of seed 0, and starts from weights of its own seed.
    """
    data = task.load()
    some = runs[0]
    assert some.epochs is not None
    split = task.split(
        data, np.random.default_rng(run_seeds(some.study, some.task, 0).split)
    )
    steps = some.epochs * math.ceil(len(split.train) / some.batch_size)
    optimizers = {run.optimizer: run for run in runs}
    rates, decays = (
        {
            name: sorted({getattr(r, value) for r in runs if r.optimizer == name})
            for name in optimizers
        }
        for value in ("learning_rate", "weight_decay")
    )

    def build(hp: Any) -> Any:
        decay = hp.Choice("weight_decay", list(range(len(decays[some.optimizer]))))
        rate = hp.Choice("learning_rate", list(range(len(rates[some.optimizer]))))
        keras.utils.set_random_seed(1 + hp.Choice("seed", [0, 1]))
        name = hp.Choice("optimizer", sorted(optimizers))
        optimizer = {
            "adamw": keras.optimizers.AdamW,
            "lion": keras.optimizers.Lion,
        }[name](
            learning_rate_schedule(rates[name][rate], steps, some.schedule.warmup),
            weight_decay=decays[name][decay],
            beta_1=optimizers[name].beta_1,
            beta_2=optimizers[name].beta_2,
        )
        model = task.model()
        model.compile(
            optimizer=optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.GridSearch(
            build,
            objective=keras_tuner.Objective("val_accuracy", "max"),
            max_trials=trials,
            directory=folder,
            project_name="stock",
        )
        tuner.search(
            data.x[split.train],
            data.y[split.train],
            validation_data=(data.x[split.validation], data.y[split.validation]),
            epochs=some.epochs,
            batch_size=some.batch_size,
            verbose=0,
        )
    done = [t for t in tuner.oracle.trials.values() if t.status == "COMPLETED"]
    if len(done) != trials:
        raise RuntimeError(f"{len(done)} of {trials} trials of KerasTuner completed.")
