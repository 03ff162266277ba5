"""Lion and AdamW at their own best cells of the main study, trained again.

The main study keeps scores, not weights. With its seeds, data order and schedule a run
is the same run again, but for rounding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_lion.tuning import backend, load_runs
from keras_lion.tuning.population import PopulationProgram
from keras_lion.tuning.program import TaskProgram
from keras_lion.tuning.rules import UpdateRule, hyperparameter_vector
from keras_lion.tuning.seeds import data_order, run_seeds
from keras_lion.tuning.study import Plan, RunSpecification, specification
from keras_lion.tuning.task import Data, Split, Task
from keras_lion.tuning.tasks import get_task

TASK = "mnist1d_mlp"
MAIN = Path(__file__).resolve().parent / "results" / "learning_rate_weight_decay_full"


@dataclass(frozen=True)
class RunInputs:
    """All that a training program reads of one run."""

    model_seed: int
    split: Split
    order: np.ndarray
    rates: np.ndarray
    hyperparameters: np.ndarray


def best_cells(folder: Path = MAIN, task: str = TASK) -> dict[str, dict[str, Any]]:
    """Optimizer → configuration, epochs and batch size of its best score.

    Args:
        folder: A study's folder with its `summary.json` and records.
        task: Which of its tasks.
    """
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    runs = load_runs(folder)
    runs = runs[runs["task"] == task]
    cells = {}
    for row in summary["tasks"][task]["optimizers"]:
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
        study="learning_rate_weight_decay",
        preset="full",
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
