"""A search: one of KerasTuner's oracles chooses the runs of one task."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_lion.tuning import backend
from keras_lion.tuning.engine.executors import choose_executor
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.runs.files import Record, RecordWriter
from keras_lion.tuning.runs.records import FinishedRuns
from keras_lion.tuning.study.comparison import Comparison
from keras_lion.tuning.study.grids import USUAL_BETAS
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.schedule import Schedule
from keras_lion.tuning.study.search_space import NUMERIC, Value, plain_value
from keras_lion.tuning.study.study import Plan, Study, specification
from keras_lion.tuning.sweep.folder import note_data, note_search, open_folder
from keras_lion.tuning.sweep.preparation import (
    Progress,
    model_values,
    prepared,
    safe_records,
    say_what_is_recorded,
)
from keras_lion.tuning.sweep.role import current_role
from keras_lion.tuning.sweep.search_oracle import (
    EPOCHS,
    OF_HYPERBAND,
    SearchOracle,
)
from keras_lion.tuning.tasks.hyperparameters import Reads, reads_of, refuse_unread
from keras_lion.tuning.tasks.task import Task

PRESET = "search"


class SearchWarning(UserWarning):
    """KerasTuner's oracle is used where it is known to do badly."""


def run_search(
    task: Task,
    oracle: Any,
    *,
    output: str | os.PathLike[str],
    optimizer: str,
    epochs: int,
    name: str = "search",
    fixed: Mapping[str, Value] | None = None,
    evaluate_every: int = 1,
    schedule: Schedule | None = None,
    executor: str | None = None,
    population: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train the runs that one of KerasTuner's oracles asks for.

    The records are those of a study, with the preset `"search"`. A search that was
    interrupted is gone through again from its start, which takes no time where a run is
    recorded: an oracle with the same seed asks for the same runs.

    Args:
        task: What is trained.
        oracle: A `keras_tuner.oracles.RandomSearchOracle`, `BayesianOptimizationOracle`
            or `HyperbandOracle`, new, with
            `objective=keras_tuner.Objective("score", "max")` and a seed from 1 on;
            KerasTuner draws one in place of 0 and of none, which is kept as `search` in
            `study.json`. Its
            hyperparameters are among `learning_rate`, `weight_decay`, `beta_1`,
            `beta_2`, `batch_size`, `seed`, options of the optimizer and those that the
            task's model reads. What the model of a trial does not read is left out of
            its record, and trials that differ in nothing else are one run.
        output: Folder of the search; made if need be.
        optimizer: Name of the optimizer.
        epochs: Passes over the training examples. Of Hyperband the `max_epochs`; a run
            that it promotes is trained again from its start.
        name: Name of the search; part of every run's key and randomness.
        fixed: Values of hyperparameters that are not searched. Default: no weight
            decay, the betas that `window` of `tuning.study.grids` fixes for the
            optimizer (0.9 and 0.99 for Lion), the task's batch size, seed 0.
        evaluate_every: Epochs between two looks at the validation examples.
        schedule: The learning rate over a run.
        executor: `"loop"`, `"map"` or `"vmap"`. Default: `"loop"`, or `"vmap"` for a
            population.
        population: Number of runs that are asked for and trained together.
        progress: Called with `Progress` before the first run and after every run.
            None: the start and the end are told on standard error, with the seed that
            resumes the search and the command for the report.

    Returns:
        The folder.

    Raises:
        ValueError: If the oracle or its hyperparameters cannot be used, or the folder
            holds another study or a search with another seed.
        RuntimeError: If so many runs in a row failed that KerasTuner gives up.

    Example:

    ```python
    import keras_tuner
    from keras_lion.tuning import load_runs
    from keras_lion.tuning import run_search
    from keras_lion.tuning.tasks.built_in import get_task

    space = keras_tuner.HyperParameters()
    space.Float("learning_rate", 1e-4, 1e-2, sampling="log")
    space.Float("weight_decay", 1e-2, 10.0, sampling="log")
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective("score", "max"),
        max_trials=3, hyperparameters=space, seed=1,
    )
    folder = run_search(
        get_task("digits_mlp"), oracle, output="results/search", optimizer="lion",
        epochs=2,
    )
    best = load_runs(folder).nlargest(1, "score")
    ```
    """
    role = current_role()
    if role.address:
        raise ValueError(
            "A search runs in one process. Unset the KERASTUNER_ variables (received "
            f"a part, '{role.name}'), or declare a Study, which several can share."
        )
    if not isinstance(task, Task):
        raise ValueError(
            "`run_search` takes a Task first, then an oracle. Received: "
            f"{type(task).__name__}."
        )
    chosen = SearchOracle(oracle, epochs)
    for caution in chosen.cautions(population):
        warnings.warn(caution, SearchWarning, stacklevel=2)
    configuration = {**USUAL_BETAS.get(optimizer, {}), **(fixed or {})}
    if "learning_rate" not in {*chosen.names, *configuration}:
        raise ValueError(
            "A search needs a `learning_rate`, of the oracle's hyperparameters or in "
            f"`fixed`. Received: {', '.join([*chosen.names, *configuration])}."
        )
    plans = {
        budget: Plan(
            {},
            epochs=budget,
            seeds=1,
            evaluate_every=evaluate_every,
            schedule=schedule or Schedule(),
        )
        for budget in chosen.budgets
    }

    def of_model(values: Mapping[str, Any]) -> dict[str, Any]:
        others = {n: v for n, v in values.items() if n not in NUMERIC}
        return model_values(optimizer, others, {})

    def reads(values: Mapping[str, Any]) -> Reads | None:
        return reads_of(task.model, of_model({**configuration, **values}))

    def specify(values: Mapping[str, Any]) -> RunSpecification:
        budget = int(values.get(EPOCHS, epochs))
        values = {
            **configuration,
            **{n: v for n, v in values.items() if not n.startswith(OF_HYPERBAND)},
        }
        named = set(of_model(values))
        found = reads(values) if named else None
        for inactive in named - found.active if found else ():
            del values[inactive]
        seed = plain_value("seed", values.pop("seed", 0))
        return specification(
            task,
            plans[budget],
            optimizer,
            values,
            study=name,
            preset=PRESET,
            seed=int(seed),
            backend=backend.check_backend(),
        )

    names = of_model(dict.fromkeys([*chosen.names, *configuration]))
    folder = Path(output)
    with safe_records(folder):
        open_folder(folder, _as_study(task, name, optimizer), role)
        note_search(folder, chosen.description())
        trainer = prepared(task, Trainer)
        refuse_unread(task.name, task.model, *chosen.unread(names, reads))
        note_data(folder, task.name, trainer.data.fingerprint())
        chosen_executor = choose_executor(
            trainer,
            [],
            wanted=executor or ("loop" if population == 1 else "vmap"),
            population=population,
        )
        finished, writer = FinishedRuns(folder), RecordWriter(folder)
        skipped, done = min(len(finished.scores()), chosen.max_trials), 0
        report = progress or (lambda _: None)
        report(Progress(chosen.max_trials, skipped, 0, None))
        if progress is None:
            seed = chosen.description()["seed"]
            print(
                f"Up to {chosen.max_trials} trials in {folder}. If this search is "
                f"interrupted, a new oracle with seed={seed} resumes it.",
                file=sys.stderr,
            )
        reasons: list[Record] = []
        checked = False  # later models that cannot be built are failed runs

        def train(trials: Sequence[Mapping[str, Any]]) -> list[float | None]:
            nonlocal done, checked
            runs = [specify(values) for values in trials]
            if not checked:
                prepared(task, lambda _: trainer.check(runs))
                checked = True
            known = finished.scores()
            found: dict[str, float | None] = {
                run.key: known[run.key] for run in runs if run.key in known
            }
            waiting = {run.key: run for run in runs if run.key not in found}
            for record in chosen_executor.run(list(waiting.values())):
                writer.append(record)
                found[record["key"]] = record["score"]
                if record["status"] == "failed":
                    reasons.append(record)
                done += 1
                report(Progress(chosen.max_trials, skipped, done, record))
            return [found[run.key] for run in runs]

        try:
            chosen.search(train, folder, population)
        except RuntimeError as error:
            if not reasons:
                raise
            raise RuntimeError(
                f"KerasTuner ended the search because {chosen.max_failures} runs in a "
                "row failed (`max_consecutive_failed_trials` of the oracle). The last: "
                f"{reasons[-1]['reason'].strip().splitlines()[-1]}"
            ) from error
        if progress is None:
            recorded = min(len(finished.scores()), chosen.max_trials)
            say_what_is_recorded(folder, recorded, chosen.max_trials, "trials")
    return folder


def _as_study(task: Task, name: str, optimizer: str) -> Study:
    return Study(
        name=name,
        question=f"Which hyperparameters of {optimizer} suit {task.name}?",
        plans={task.name: {}},
        comparison=Comparison("None: a search compares nothing.", {}),
        tasks={task.name: task},
    )
