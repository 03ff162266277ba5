"""Lion and AdamW at their own best cells of the main study, trained again.

The main study keeps scores, not weights. With its seeds, data order and schedule a run
is the same run again, except for rounding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from keras_lion.tuning import backend
from keras_lion.tuning.engine.population import PopulationProgram
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.rules import UpdateRule, hyperparameter_vector
from keras_lion.tuning.runs.table import load_table
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.seeds import data_order, run_seeds
from keras_lion.tuning.study.study import Plan, specification
from keras_lion.tuning.tasks import get_task
from keras_lion.tuning.tasks.task import Data, Split, Task

STUDY, PRESET, TASK = "learning_rate_weight_decay", "full", "mnist1d_mlp"
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class RunInputs:
    """All that a training program reads of one run."""

    model_seed: int
    split: Split
    order: np.ndarray
    rates: np.ndarray
    hyperparameters: np.ndarray


@cache
def recorded_runs() -> pd.DataFrame:
    """The main study's runs of the task, from the public table."""
    frame = load_table(RESULTS / "runs.csv.gz")
    chosen = (frame["study"] == STUDY) & (frame["preset"] == PRESET)
    return frame[chosen & (frame["task"] == TASK)]


def best_cells() -> dict[str, dict[str, Any]]:
    """Optimizer → configuration, epochs and batch size of its best mean score."""
    path = RESULTS / STUDY / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    runs = recorded_runs()
    cells = {}
    for row in summary["tasks"][TASK]["optimizers"]:
        names = ("optimizer", "learning_rate", "weight_decay")
        here = runs[np.all([runs[name] == row[name] for name in names], axis=0)]
        columns = ("beta_1", "beta_2", "epochs", "batch_size")
        (values,) = here[list(columns)].drop_duplicates().to_dict("records")
        cells[row["optimizer"]] = {
            **{name: row[name] for name in names[1:]},
            **{name: float(values[name]) for name in columns[:2]},
            **{name: int(values[name]) for name in columns[2:]},
        }
    return cells


def run_of(
    optimizer: str, cell: dict[str, Any], seed: int, task: Task
) -> RunSpecification:
    """The run of a cell with one of the main study's seeds."""
    configuration = {k: v for k, v in cell.items() if k != "epochs"}
    return specification(
        task,
        Plan({}, epochs=cell["epochs"], seeds=1),
        optimizer,
        configuration,
        study=STUDY,
        preset=PRESET,
        seed=seed,
        backend=backend.check_backend(),
    )


def inputs_of(run: RunSpecification, data: Data) -> RunInputs:
    """Initial weights' seed, split, order of the data and learning rates of a run."""
    seeds = run_seeds(run.study, run.task, run.seed)
    split = get_task(run.task).split(data, np.random.default_rng(seeds.split))
    order = data_order(seeds.order, split.train, run.epochs, run.batch_size)
    factors = run.schedule.factors(len(order))
    return RunInputs(
        seeds.model_seed,
        split,
        order,
        rates=(run.learning_rate * factors).astype("float32"),
        hyperparameters=hyperparameter_vector(run.weight_decay, run.beta_1, run.beta_2),
    )


def final_weights(
    program: TaskProgram, rule: UpdateRule, runs: Sequence[RunInputs]
) -> list[list[np.ndarray]]:
    """Trainable weights of every run after its training.

    Args:
        program: The task's data and model.
        rule: The optimizer's update rule.
        runs: Runs of one length and batch size.
    """
    population = PopulationProgram(program, rule, "vmap")
    state, _ = population.train(
        population.start([run.model_seed for run in runs]),
        np.stack([run.order for run in runs]),
        np.stack([run.rates for run in runs]),
        np.stack([run.hyperparameters for run in runs]),
    )
    weights = [np.asarray(tensor) for tensor in state.weights]
    return [[tensor[k] for tensor in weights] for k in range(len(runs))]
