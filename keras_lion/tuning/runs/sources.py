"""Tables that other tools leave behind, and what their columns are usually called."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

Direction = Literal["max", "min"]

# Column of the records → its names elsewhere, in lower case and without a prefix such
# as `config.` or `params_`.
NAMES: Mapping[str, str] = {
    "task": "task dataset dataset_name",
    "optimizer": "optimizer opt optim optimizer_name optimizer_type optim_name",
    "learning_rate": "learning_rate lr base_lr base_learning_rate peak_lr max_lr "
    "peak_learning_rate initial_lr init_lr optimizer_lr optim_lr "
    "optimizer_learning_rate",
    "weight_decay": "weight_decay wd lambda weightdecay optimizer_weight_decay "
    "optimizer_wd optim_weight_decay optim_wd",
    "beta_1": "beta_1 beta1 b1 adam_beta1 optimizer_beta_1 optimizer_beta1",
    "beta_2": "beta_2 beta2 b2 adam_beta2 optimizer_beta_2 optimizer_beta2",
    "batch_size": "batch_size bs batchsize train_batch_size",
    "seed": "seed random_seed rng_seed",
    "schedule": "schedule lr_schedule lr_scheduler scheduler",
    "epochs": "epochs num_epochs n_epochs max_epochs tuner_epochs",
    "steps": "steps num_steps max_steps total_steps train_steps",
    "status": "status state",
    "score": "score value val_accuracy val_acc valid_accuracy valid_acc "
    "validation_accuracy eval_accuracy eval_acc",
    "final_loss": "final_loss val_loss valid_loss validation_loss eval_loss",
    "initial_loss": "initial_loss",
    "test_score": "test_score",
    "seconds": "seconds runtime duration",
}
TARGETS = {name: target for target, names in NAMES.items() for name in names.split()}
_PREFIX = re.compile(
    r"^(config|params|user_attrs|summary|hparams|hyperparameters)[._/]"
)
_SMALLER = re.compile(r"loss|error|perplexity|ppl|nll|rmse|mse")
_LARGER = re.compile(r"acc|auc|f1|precision|recall|score|top.?[15]")


@dataclass(frozen=True)
class Table:
    """Runs as another tool wrote them.

    Attributes:
        cells: One row per run; every cell as text, empty where there is nothing.
        result: Column of what the tool optimised, if it says so.
        directions: Column → whether larger is better, where the tool says so.
    """

    cells: pd.DataFrame
    result: str | None = None
    directions: Mapping[str, Direction] = field(default_factory=dict)

    def columns_for(self, named: Mapping[str, str | None]) -> dict[str, str]:
        """Column of the records → column of this table.

        Args:
            named: What the user says; None leaves a column out.

        Raises:
            ValueError: If a named column does not exist, several columns could be the
                same one, or none holds a result.
        """
        for target, column in named.items():
            if column is not None and column not in self.cells:
                close = difflib.get_close_matches(column, self.cells.columns, n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                raise ValueError(
                    f"There is no column '{column}' for {target}.{hint} "
                    f"{self.what_there_is()}"
                )
        found = {target: column for target, column in named.items() if column}
        if self.result is not None and "score" not in named:
            found["score"] = self.result
        used = set(found.values())
        for target in NAMES:
            if target in named or target in found:
                continue
            candidates = [
                str(column)
                for column in self.cells
                if TARGETS.get(plain_name(str(column))) == target and column not in used
            ]
            if len(candidates) > 1 and not self._equal(candidates):
                raise ValueError(
                    f"Several columns could be {target}: {', '.join(candidates)}. Say "
                    f"which with columns={{{target!r}: {candidates[0]!r}}}."
                )
            if candidates:
                found[target] = candidates[0]
        if "score" not in found and "final_loss" not in found:
            raise ValueError(
                "No column is known to hold the result of a run. "
                f"{self.what_there_is()} Name it with columns={{'score': ...}}."
            )
        return found

    def direction_of(self, column: str) -> Direction | None:
        """Whether larger values of a column are better; None if nobody says."""
        if column in self.directions:
            return self.directions[column]
        name = plain_name(column)
        if _SMALLER.search(name):
            return "min"
        return "max" if _LARGER.search(name) else None

    def what_there_is(self) -> str:
        """The columns, in a sentence."""
        return f"The source has the columns: {', '.join(map(str, self.cells))}."

    def _equal(self, columns: list[str]) -> bool:
        first = self.cells[columns[0]]
        return all((self.cells[column] == first).all() for column in columns[1:])


def plain_name(column: str) -> str:
    """A column's name in lower case, without its prefix, words joined by `_`."""
    name = _PREFIX.sub("", column.strip().lower())
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_")


def read_source(path: Path) -> Table:
    """Read a CSV file, or the folder of a KerasTuner project.

    Raises:
        FileNotFoundError: If there is neither.
        ValueError: If it holds no runs.
    """
    if path.is_dir():
        table = _read_project(path)
    elif path.is_file():
        table = _read_csv(path)
    else:
        raise FileNotFoundError(
            f"There is no {path}. Give a CSV file, or the folder of a KerasTuner "
            "project (with its oracle.json)."
        )
    if table.cells.empty:
        raise ValueError(f"{path} holds no runs: give an export with one run per row.")
    return table


def _read_csv(path: Path) -> Table:
    # Text: an empty cell is no result, and one that says NaN is a run that diverged.
    try:
        cells = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as error:
        raise ValueError(f"{path} is no CSV file that can be read: {error}") from error
    cells.columns = [str(column).strip() for column in cells]
    cells = cells.apply(lambda column: column.str.strip())
    is_optuna = {"number", "value", "state"} <= set(cells)
    return Table(cells, result="value" if is_optuna else None)


def _read_project(folder: Path) -> Table:
    if not (folder / "oracle.json").is_file():
        raise FileNotFoundError(
            f"{folder} is no KerasTuner project: it has no oracle.json. Give the "
            "folder `directory/project_name` of the tuner."
        )
    trials = [
        json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("trial_*/trial.json"))
    ]
    metrics = [_metrics(trial) for trial in trials]
    result = _objective(trials, metrics) or "score"
    rows = []
    for trial, values in zip(trials, metrics, strict=True):
        score = trial["score"]
        if score is None:  # a metric that is not finite leaves the trial without score
            score = values.get(result)
        rows.append(
            {
                **trial["hyperparameters"]["values"],
                **values,
                result: score,
                "status": _status(trial, score),
            }
        )
    directions: dict[str, Direction] = {
        name: metric["direction"]
        for trial in trials
        for name, metric in trial["metrics"]["metrics"].items()
        if metric["direction"] in ("max", "min")
    }
    cells = pd.DataFrame.from_records(
        [{k: _text(v) for k, v in r.items()} for r in rows]
    )
    return Table(cells.fillna(""), result, directions)


def _metrics(trial: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of a trial at the epoch of its score: the best one; else at the last."""
    values = {}
    for name, metric in trial["metrics"]["metrics"].items():
        observations = metric["observations"]
        if observations:
            at_best = [o for o in observations if o["step"] == trial["best_step"]]
            seen = (at_best or observations)[-1]["value"]
            values[name] = sum(seen) / len(seen)
    return values


def _objective(
    trials: list[dict[str, Any]], metrics: list[dict[str, float]]
) -> str | None:
    """The only metric, or the only one that all scores are equal to."""
    names = {name for values in metrics for name in values}
    equal = [
        name
        for name in sorted(names)
        if len(names) == 1
        or all(
            math.isclose(values.get(name, math.nan), trial["score"], rel_tol=1e-9)
            for trial, values in zip(trials, metrics, strict=True)
            if trial["status"] == "COMPLETED"
        )
    ]
    return equal[0] if len(equal) == 1 else None


def _status(trial: Mapping[str, Any], score: float | None) -> str:
    # KerasTuner calls a trial failed whose result is not finite.
    diverged = score is not None and not math.isfinite(score)
    return "COMPLETED" if diverged else str(trial["status"])


def _text(value: Any) -> str:
    return "" if value is None else str(value)
