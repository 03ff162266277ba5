"""Claims of the other sweeps: batch size, betas, warm-up, noise, storage, others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from keras_lion.robustness import Landscape, compare_best, decide
from keras_lion.robustness.comparison import hull
from keras_lion.robustness.measures import Question, batch_gains
from keras_lion.robustness.windows import windows_agreeing
from keras_lion.tuning.study.comparison import Condition, betas_text
from studies.evidence.basis import basis_of, is_primary
from studies.evidence.measured import (
    basis_of_declared,
    difference_of_best,
    each_task,
    judged,
    margin_of,
    not_made,
    of_verdict,
    unit_of,
    verdicts,
    written,
)
from studies.evidence.row import Row, missing, unmeasured
from studies.evidence.runs import (
    MAIN,
    coverage,
    declared,
    hull_errors,
    is_complete,
    runs_of,
)

Pair = tuple[str, float, float]  # optimizer, β₁, β₂
ONE_BETA: Pair = ("lion", 0.95, 0.95)
DECLARED_PAIR: Pair = ("lion", 0.9, 0.99)  # that the study compares with one beta


def _declared(
    study: str,
    tasks: Iterable[str],
    errors: Callable[[int], str],
) -> list[Row]:
    """The verdict of a study on its own question, task by task."""
    found = []
    for task in tasks:
        if not is_complete(study, task):
            found.append(not_made(study, task))
            continue
        for place, frame, verdict in verdicts(study, task):
            basis = basis_of_declared(study, frame, primary=is_primary(study, place))
            coverage_of = errors(verdict.estimate.n)
            unit = unit_of(study, frame)
            found.append(of_verdict(verdict, place, coverage_of, basis, unit))
    return found


def larger_batches() -> list[Row]:
    """Lion gains on AdamW from small batches to large ones, at each budget."""
    others = declared("batch_size").secondary.values()
    pairs = {label: pair for each in others for label, pair in each.between.items()}
    return _between("batch_size", pairs)


def small_batches() -> list[Row]:
    """Lion's best score is below AdamW's at every batch size below 64, on average."""
    plans = declared("batch_size").plans
    small = [task for task in plans if "full" in plans[task]]
    return each_task("batch_size", _below_64, *small)


def _below_64(task: str, frame: pd.DataFrame) -> Row:
    small = frame[frame["batch_size"] < 64]
    comparison = declared("batch_size").comparison
    question = Question(small, comparison, ("adamw", "lion"), 0.0)
    gains = batch_gains(question)
    gap = hull(np.mean(list(gains.values()), axis=0))
    outcome, reasons = judged(gap, 0.0)
    return Row(
        where=task,
        text=f"best accuracy, adamw − lion, mean over the batch sizes "
        f"{' and '.join(map(str, gains))}: {written(gap, 'points')}",
        shows=outcome,
        interval=gap,
        unit="points",
        coverage=hull_errors(gap.n),
        windows=None,
        basis=basis_of("batch_size", small, ("adamw", "lion")),
        notes=reasons,
    )


def small_batch_betas() -> list[Row]:
    """Betas with a longer memory raise Lion's best score at batches below 64."""
    tasks = declared("small_batches").plans
    return _declared("small_batches", tasks, lambda n: coverage("best score", n))


def bfloat16_momentum() -> list[Row]:
    """A bfloat16 momentum changes the best score by less than the margin."""
    tasks = declared("momentum_dtype").plans
    return _declared("momentum_dtype", tasks, lambda n: coverage("best score", n))


def lazy_rows() -> list[Row]:
    """Idle rows that rest raise the best score of Lion; AdamW's, as a remark."""
    tasks = declared("embeddings").plans
    rows = _declared("embeddings", tasks, lambda n: coverage("best score", n))
    comparison = declared("embeddings").secondary["adamw"]
    assert comparison.sides is not None
    lazy, dense = comparison.sides
    return rows + [
        difference_of_best(
            "embeddings",
            runs_of("embeddings", task),
            lazy,
            dense,
            comparison,
            where=f"{task}, of AdamW",
        )
        for task in tasks
        if is_complete("embeddings", task)
    ]


def warm_up() -> list[Row]:
    """Without warm-up Lion loses more of its best score than AdamW."""
    longer: Condition = {"task": "mnist1d_mlp_warm_up_20"}
    none: Condition = {"task": "mnist1d_mlp_warm_up_0"}
    label = "mnist1d_mlp, 20 % of warm-up instead of none, not declared beforehand"
    return _between("warm_up", {label: (longer, none)})


def augmentation() -> list[Row]:
    """Lion's best score less AdamW's shrinks as the noise grows."""
    return _between("augmentation")


def _between(
    study: str, more: Mapping[str, tuple[Condition, Condition]] | None = None
) -> list[Row]:
    """The verdicts of a study whose question is between two conditions.

    Args:
        study: Its name.
        more: Label → another pair of conditions.
    """
    comparison = declared(study).comparison
    found = []
    for label, pair in (dict(comparison.between) | dict(more or {})).items():
        tasks = [str(each.get("task", label)) for each in pair]
        if not all(is_complete(study, task) for task in tasks):
            found.append(not_made(study, label))
            continue
        frame = pd.concat([runs_of(study, task) for task in dict.fromkeys(tasks)])
        one = replace(comparison, between={label: pair})
        declared_here = label in comparison.between
        ((_, verdict),) = decide(frame, one)
        basis = basis_of_declared(
            study, frame, primary=declared_here and is_primary(study, label)
        )
        errors = hull_errors(verdict.estimate.n)
        found.append(of_verdict(verdict, label, errors, basis, unit_of(study, frame)))
    return found


def both_betas() -> list[Row]:
    """Lion with two betas is better than with one: declared, and the best of three."""
    tasks = ("mnist1d_mlp", "python_lm")
    own = _declared("betas", tasks, lambda n: coverage("best score", n))
    return [*own, *(each for task in tasks for each in _best_of_three(task))]


def _best_of_three(task: str) -> list[Row]:
    """The best of three pairs against one beta, where it is not the declared pair."""
    if not is_complete("betas", task):
        return [missing(f"{task}, best of three pairs")]
    frame = runs_of("betas", task)
    grids = beta_landscapes(frame)
    lions = {key: each for key, each in grids.items() if key[0] == "lion"}
    one = lions.pop(ONE_BETA)
    best = max(lions, key=lambda key: lions[key].best.value)
    if best == DECLARED_PAIR:
        return []
    return [
        _of_betas(
            frame,
            {best: lions[best], ONE_BETA: one},
            f"{task}, best of three pairs",
            f"loss with one beta (0.95) − with {best[1]:g}/{best[2]:g}",
        )
    ]


def language_betas() -> list[Row]:
    """0.95/0.98 is better than 0.9/0.99."""

    def measure(task: str, frame: pd.DataFrame) -> Row:
        grids = beta_landscapes(frame)
        pairs: list[Pair] = [("lion", 0.95, 0.98), ("lion", 0.9, 0.99)]
        return _of_betas(
            frame,
            {key: grids[key] for key in pairs},
            task,
            "loss with 0.9/0.99 − with 0.95/0.98",
        )

    return each_task("betas", measure, "python_lm", "mnist1d_mlp")


def better_best_with_tuned_betas() -> list[Row]:
    """AdamW's lowest loss is below Lion's when the betas of both are tuned as well."""

    def measure(task: str, frame: pd.DataFrame) -> Row:
        grids = beta_landscapes(frame)
        adamw, lion = (
            max((key for key in grids if key[0] == name), key=_best_of(grids))
            for name in ("adamw", "lion")
        )
        found = _of_betas(
            frame,
            {adamw: grids[adamw], lion: grids[lion]},
            f"{task}, betas tuned for both",
            f"loss of Lion ({lion[1]:g}/{lion[2]:g}) − loss of AdamW "
            f"({adamw[1]:g}/{adamw[2]:g})",
        )
        errors = f"{found.coverage}, before the choice of betas on the same seeds"
        return replace(found, coverage=errors)

    return each_task("betas", measure, "mnist1d_mlp", "python_lm")


def _of_betas(
    frame: pd.DataFrame, grids: dict[Pair, Landscape], where: str, what: str
) -> Row:
    """Best score of the first of two pairs less that of the second."""
    first, second = grids.values()
    gain = compare_best(first, second).difference
    share = windows_agreeing(first, second)
    names = [f"{name} {betas_text(betas)}" for name, *betas in grids]
    outcome, reasons = judged(gain, margin_of("betas"), windows=share)
    return Row(
        where=where,
        text=f"{what}: {written(gain, 'nats', 3)}; smallest that matters: "
        f"{margin_of('betas'):g} nats",
        shows=outcome,
        interval=gain,
        unit="nats",
        windows=None if math.isnan(share) else share,
        coverage=coverage("best score", gain.n),
        basis=basis_of("betas", frame, names, value="final_loss"),
        notes=reasons,
    )


def beta_landscapes(frame: pd.DataFrame) -> dict[Pair, Landscape]:
    """(optimizer, β₁, β₂) → landscape of the negated validation loss."""
    columns = ["optimizer", "beta_1", "beta_2"]
    found = {}
    for name, beta_1, beta_2 in frame[columns].drop_duplicates().to_numpy().tolist():
        runs = frame[(frame["beta_1"] == beta_1) & (frame["beta_2"] == beta_2)]
        found[name, beta_1, beta_2] = Landscape.from_runs(
            runs, optimizer=name, value="final_loss"
        )
    return found


def _best_of(grids: dict[Pair, Landscape]) -> Callable[[Pair], float]:
    return lambda pair: grids[pair].best.value


STUDY = "optimizers"
TASKS = ("mnist1d_mlp", "digits_mlp", "mnist1d_mlp_constant")


def against_others() -> list[Row]:
    """Lion's best score less that of every other optimizer."""
    found = []
    for task in TASKS:
        if not is_complete(STUDY, task):
            found.append(missing(task))
            continue
        frame = runs_of(STUDY, task)
        others = sorted(set(frame["optimizer"]) - {"lion", "adamw"})
        for name in ("adamw", *others):
            where = f"{task}, {name}"
            if (frame.loc[frame["optimizer"] == name, "status"] == "diverged").all():
                reason = f"every run of {name} diverged"
                found.append(unmeasured(where, reason))
                continue
            found.append(
                difference_of_best(
                    STUDY,
                    frame,
                    "lion",
                    name,
                    declared(STUDY).comparison,
                    where=where,
                    primary=is_primary(STUDY, where) and name == "adamw",
                )
            )
    return found


def two_bests(claim: str, *, here: str) -> str:
    """Why one task has another best score under another claim.

    Args:
        claim: The other claim.
        here: The study of this claim: `MAIN` or the study of all optimizers.
    """
    there = STUDY if here == MAIN else MAIN
    shared = [task for task in TASKS if task in declared(MAIN).plans]
    sizes = {study: _size(study, shared[0]) for study in (here, there)}
    return (
        f"The best scores of {' and '.join(shared)} are not those under "
        f"[{claim}](#{claim}): here each optimizer has {sizes[here]}, there "
        f"{sizes[there]}."
    )


def _size(study: str, task: str) -> str:
    runs = runs_of(study, task)
    runs = runs[runs["optimizer"] == "lion"]
    cells = len(runs[["learning_rate", "weight_decay"]].drop_duplicates())
    return f"{cells} configurations and {runs['seed'].nunique()} seeds"
