"""Declared runs that have no record yet, as rows of a frame of runs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd

from keras_lion.robustness.frames.conditions import own_columns, setting_text, texts_of
from keras_lion.robustness.frames.runs import MISSING
from keras_lion.tuning.study.search_space import Axis, SearchSpace
from keras_lion.tuning.study.study import Plan

PLACE = ("learning_rate", "weight_decay")
# What a run has only once it ended.
OUTCOMES = (
    "key",
    "reason",
    "score",
    "best_score",
    "best_epoch",
    "initial_loss",
    "final_loss",
    "final_train_loss",
    "test_score",
    "seconds",
    "kappa",
    "sum_learning_rate",
    "history",
)


def read_plan(declared: Mapping[str, Any]) -> Plan:
    """The grid, the budget and the seeds of a plan of `study.json`."""
    return Plan(
        {
            optimizer: [_space(each) for each in _listed(spaces)]
            for optimizer, spaces in declared["spaces"].items()
        },
        epochs=declared.get("epochs"),
        steps=declared.get("steps"),
        seeds=declared["seeds"],
    )


def with_missing_runs(runs: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """The runs of one task, and a row of status `missing` for each other declared one.

    A hyperparameter that a record lacks has any value: records leave out what their
    model does not read. The rows have the settings of a recorded run of the same
    configuration at another place of the grid, and no outcome.
    """
    if runs.empty:
        return runs
    rows = [
        row for optimizer in plan.spaces for row in _missing_rows(runs, optimizer, plan)
    ]
    if not rows:
        return runs
    absent = pd.DataFrame(rows).reindex(columns=runs.columns)
    known = [name for name in absent if not absent[name].isna().all()]
    # Columns without a value would decide the type of the recorded ones.
    return pd.concat([runs, absent[known]], ignore_index=True)


def _missing_rows(
    runs: pd.DataFrame, optimizer: str, plan: Plan
) -> list[dict[str, Any]]:
    configurations = plan.configurations(optimizer)
    names = sorted({name for each in configurations for name in each} - set(PLACE))
    own = runs[runs["optimizer"] == optimizer]
    settings = _settings(own, names)
    places = [_place(row) for row in own[[*PLACE, "seed"]].to_dict("records")]
    recorded: dict[tuple[Any, ...], list[tuple[str, ...]]] = {}
    for place, texts in zip(places, settings, strict=True):
        recorded.setdefault(place, []).append(texts)
    rows = ({str(name): row[name] for name in row} for row in own.to_dict("records"))
    templates = dict(zip(settings, rows, strict=True))
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for configuration, seed in product(configurations, range(plan.seeds)):
        at = {
            "learning_rate": configuration["learning_rate"],
            "weight_decay": configuration.get("weight_decay") or 0.0,
            "seed": seed,
        }
        wanted = tuple(setting_text(configuration.get(name)) for name in names)
        if any(_fits(texts, wanted) for texts in recorded.get(_place(at), [])):
            continue
        fitting = (each for each in templates if _fits(each, wanted))
        alike = wanted if wanted in templates else next(fitting, None)
        if alike is None:
            row = _unlike(runs, own, optimizer, configuration)
        else:
            row = templates[alike]
        ended = dict.fromkeys(OUTCOMES)
        found[*_place(at), alike or wanted] = {**row, **ended, **at, "status": MISSING}
    return list(found.values())


def _place(run: Mapping[Any, Any]) -> tuple[Any, ...]:
    rate, decay = (f"{float(run[name]):.10g}" for name in PLACE)
    return rate, decay, int(run["seed"])


def _settings(runs: pd.DataFrame, names: list[str]) -> list[tuple[str, ...]]:
    columns = [
        texts_of(runs, name).tolist() if name in runs else [""] * len(runs)
        for name in names
    ]
    return list(zip(*columns, strict=True)) if columns else [()] * len(runs)


def _fits(texts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return all(have in ("", want) for have, want in zip(texts, wanted, strict=True))


def _unlike(
    runs: pd.DataFrame,
    own: pd.DataFrame,
    optimizer: str,
    configuration: Mapping[str, Any],
) -> dict[str, Any]:
    """A row of a configuration without a recorded run at any place of the grid."""
    first = (own if len(own) else runs).iloc[0]
    row = {str(name): value for name, value in first.items()}
    cleared = dict.fromkeys(own_columns(runs))
    betas = {} if len(own) else dict.fromkeys(("beta_1", "beta_2"))
    return {**row, **cleared, **betas, **configuration, "optimizer": optimizer}


def _space(declared: Mapping[str, Any]) -> SearchSpace:
    axes = tuple(Axis(each["name"], each["values"]) for each in declared["axes"])
    return SearchSpace(axes, declared.get("fixed", {}))


def _listed(spaces: Any) -> list[Mapping[str, Any]]:
    return [spaces] if isinstance(spaces, Mapping) else [*spaces]
