"""What rows rest on besides their numbers: edges of grids, baselines, primary outcomes.

A row of runs is made with `basis_of`, so that none is made without them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from keras_lion.report.elements.style import optimizer_label
from keras_lion.robustness.frames.conditions import parts_of
from keras_lion.robustness.frames.runs import name_contenders
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.robustness.verdict import range_limits
from keras_lion.tuning.tasks import get_task
from studies.baselines import data_set
from studies.evidence.row import Baseline, Basis
from studies.evidence.runs import RESULTS, declared

# Study → the task on which its declared comparison is its primary outcome. All other
# rows are secondary: other tasks, other measures.
PRIMARY = {
    "learning_rate_weight_decay": "mnist1d_mlp",
    "transfer_from_adamw": "mnist1d_mlp",
    "effective_decay": "invariant_3720",
    "pace": "batch_sizes",
    "parametrisation": "mnist1d_mlp",
    "batch_size": "mnist1d_mlp_fixed_epochs",
    "small_batches": "mnist1d_batch_16",
    "optimizers": "mnist1d_mlp",
    "betas": "mnist1d_mlp",
    "warm_up": "mnist1d_mlp",
    "augmentation": "mnist1d_mlp_noise",
    "momentum_dtype": "mnist1d_mlp",
    "embeddings": "python_words",
    "transformers": "normalized_invariant",
    "related_optimizers": "mnist1d_mlp",
}
# Data set with a split of its own → the losses of trivial models on it.
OWN_SPLIT = {"transformer_network": RESULTS / "transformers" / "baselines.json"}
# Data set → the models that must be beaten: the best of them counts.
TRIVIAL = ("majority", "linear", "unigram", "bigram", "trigram")
MANY = 4  # edges; more are counted
CONFIGURATION = (
    "task",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "beta_1",
    "beta_2",
    "batch_size",
    "noise",
    "initial_scale",
)


def basis_of(
    study: str,
    runs: pd.DataFrame,
    sides: Sequence[str],
    *,
    value: Value = "score",
    tuned: bool = True,
    primary: bool = False,
) -> Basis:
    """Edges and baseline of the runs of one row.

    Args:
        study: Name of the study.
        runs: The runs that the row reads, of one task or several.
        sides: The optimizers that it compares; one with several betas is named with
            them, `"lion 0.9/0.99"`.
        value: What their optima are chosen by.
        tuned: Whether the row compares optima of grids.
        primary: Whether it is the primary outcome of its study.
    """
    with_betas = not set(sides) <= set(runs["optimizer"])
    named = name_contenders(runs) if with_betas else runs
    named = named[named["optimizer"].isin(sides)]
    return Basis(
        edges=edges_of(named, value) if tuned else None,
        baseline=baseline_of(study, named),
        primary=primary,
    )


def edges_of(runs: pd.DataFrame, value: Value = "score") -> tuple[str, ...]:
    """One sentence for each optimum on an edge of its grid, or one that counts them.

    Every optimizer is looked at under each of its conditions: task, batch size, noise.
    """
    found, optima = [], 0
    for (_, name), own in runs.groupby(["task", "optimizer"]):
        for part in parts_of(own):
            grid = Landscape.from_runs(part.runs, optimizer=str(name), value=value)
            optima += 1
            label = f"{name}, {part.label}" if part.label else str(name)
            sentences = range_limits([grid], [label])
            if sentences:
                found.append([each.rstrip(".") for each in sentences])
    if len(found) > MANY:
        return (f"{len(found)} of {optima} optima lie on an edge of their grids",)
    return tuple(dict.fromkeys(each for sentences in found for each in sentences))


def baseline_of(study: str, runs: pd.DataFrame) -> Baseline | None:
    """What the runs must beat: None where no trivial model was measured on the data.

    The optimizer whose best is the worst counts: a comparison with a side that did not
    learn more than a trivial model shows nothing of the optimizers.
    """
    tasks = sorted(runs["task"].unique())
    known = declared(study).tasks or {}
    sets = {data_set(known.get(task) or get_task(task)) for task in tasks}
    found = [each for each in map(trivial, sorted(sets)) if each is not None]
    if not found:
        return None
    (model, value, unit), *_ = found
    column = "final_loss" if unit == "nats" else "score"
    columns = [name for name in CONFIGURATION if name in runs]
    trained = runs[runs["status"] == "ok"]
    means = trained.groupby(columns, dropna=False)[column].mean()
    scores = -means if unit == "nats" else 100 * means
    best = scores.groupby(["task", "optimizer"]).max()
    if best.empty:
        return None
    worst = float(best.min())
    name = str(best.index.get_level_values("optimizer")[int(best.argmin())])
    shown = -worst if unit == "nats" else worst
    return Baseline(model, value, shown, optimizer_label(name), unit)


@cache
def trivial(
    name: str, file: Path = RESULTS / "baselines.json"
) -> tuple[str, float, str] | None:
    """Model, result and unit of the best trivial model on a data set; None: none.

    By accuracy where there are classes, else by the loss.
    """
    if name in OWN_SPLIT:
        losses = json.loads(OWN_SPLIT[name].read_text(encoding="utf-8"))
        model = min(losses, key=lambda each: losses[each])
        return model, float(losses[model]), "nats"
    claims = json.loads(file.read_text(encoding="utf-8"))["claims"]
    for metric, unit, best in (("accuracy", "%", max), ("loss", "nats", min)):
        found = {
            model: float(claims[f"{name}.{model}.{metric}"]["value"])
            for model in TRIVIAL
            if f"{name}.{model}.{metric}" in claims
        }
        if found:
            model = best(found, key=lambda each: found[each])
            return model, found[model], unit
    return None


def is_primary(study: str, place: str) -> bool:
    """Whether the declared comparison at this place is the primary outcome."""
    return place.partition(",")[0] == PRIMARY.get(study)
