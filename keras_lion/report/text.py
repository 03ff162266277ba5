"""The sentences of a report, made from its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from keras_lion.report.elements.style import (
    Quantity,
    listed,
    number,
    optimizer_label,
)
from keras_lion.robustness.frames.runs import FINISHED, MISSING
from keras_lion.robustness.summary import OptimizerSummary
from keras_lion.robustness.wording import counted, with_unit
from keras_lion.statistics import Interval

NOT_RECORDED = "not recorded"
_PAIRED = (
    "Each seed splits the examples anew into training and validation, and runs of two "
    "optimizers with one seed share that split, the initial weights and the order of "
    "the examples. The score is that of the last epoch on the validation examples; the "
    "test examples are looked at for selected configurations only."
)
_IMPORTED = (
    "The runs were made elsewhere and imported: what their seeds share, and when their "
    "scores were taken, is not known here."
)


def answer(
    rows: Sequence[OptimizerSummary],
    quantity: Quantity,
    *,
    epsilon: float,
    difference: Interval | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Three numbers side by side: best score, width around the common and own best.

    `quantity` is what the widths are measured on, `difference` that of the best values
    of two optimizers, in the order of `rows`. `notes` are reasons to doubt, put into
    parentheses at the end.
    """
    measured = [row for row in rows if not math.isnan(row.width.decades)]
    if not measured:
        return "No run has finished, so there is nothing to report yet."
    doubts = f" ({'; '.join(notes)})" if notes else ""
    if all(row.num_diverged == row.num_runs for row in measured):
        return f"Every run diverged: the grid contains no setting that trains{doubts}."
    within = quantity.amount(epsilon)
    untrained = [row for row in measured if not row.trained]
    measured = [row for row in measured if row.trained]
    bests = [
        f"{optimizer_label(row.optimizer)} {quantity.text(row.best_value)}"
        for row in measured
    ]
    text = f"Best {quantity.name}: {listed(bests)}{_unit(quantity)}"
    if difference is not None and len(measured) == 2:
        names = [optimizer_label(row.optimizer) for row in measured]
        # Positive where the first is better, as in the verdicts.
        first, second = names[::-1] if quantity.smaller_is_better else names
        text += f" ({first} − {second}: {quantity.gap_interval(difference)})"
    reached = [row for row in measured if not row.width.none]
    common = [f"{optimizer_label(row.optimizer)} {row.width}" for row in reached]
    own = [f"{optimizer_label(row.optimizer)} {row.own_width}" for row in measured]
    text += f". Range of learning rates within {within} of the common best: "
    text += listed(common)
    for row in measured:
        if row.width.none:
            text += (
                f"; no {optimizer_label(row.optimizer)} setting comes within {within} "
                "of it"
            )
    if untrained:
        names = [optimizer_label(row.optimizer) for row in untrained]
        text += f"; no run of {listed(names)} trained"
    absent = [
        optimizer_label(row.optimizer)
        for row in rows
        if row not in measured and row not in untrained
    ]
    if absent:
        text += f"; no run of {listed(absent)} has finished"
    return f"{text}. Within {within} of its own best: {listed(own)}{doubts}."


def best_scores(rows: Sequence[OptimizerSummary], quantity: Quantity) -> str:
    """The best score of each optimizer, with its interval and place."""
    texts = [
        f"{optimizer_label(row.optimizer)} {quantity.interval(row.score)} at "
        f"lr = {number(row.learning_rate)}, λ = {number(row.weight_decay)}"
        for row in rows
        if row.score.n and row.trained
    ]
    if not texts:
        return ""
    return f"Best {quantity.label}: {'; '.join(texts)}."


def failures(frame: pd.DataFrame, optimizers: Sequence[str]) -> list[str]:
    """How many runs of each optimizer failed, and with which error first."""
    texts = []
    for optimizer in optimizers:
        failed = frame[
            (frame["optimizer"] == optimizer) & (frame["status"] == "failed")
        ]
        if failed.empty:
            continue
        reasons = failed["reason"].dropna().tolist() if "reason" in failed else []
        # Of a traceback the last line: what was raised.
        lines = str(reasons[0]).strip().splitlines() if reasons else []
        first = f" The first error: {lines[-1]}" if lines else ""
        one = len(failed) == 1
        count = (
            "1 run failed, and counts"
            if one
            else f"{len(failed)} runs failed, and count"
        )
        texts.append(f"{optimizer_label(optimizer)}: {count} as missing.{first}")
    return texts


def methods(
    frame: pd.DataFrame, quantity: Quantity, *, epsilon: float, paired: bool = True
) -> list[str]:
    """How the runs of one task were made and measured."""
    return [
        _design(frame),
        _PAIRED if paired else _IMPORTED,
        _measures(quantity, epsilon),
    ]


def _design(frame: pd.DataFrame) -> str:
    """Grids, seeds, budget, and what was fixed."""
    grids = []
    for optimizer, runs in frame.groupby("optimizer"):
        rates, decays = runs["learning_rate"], runs["weight_decay"]
        betas = ", ".join(
            f"{name} = {values_text(runs, name)}"
            for name in ("beta_1", "beta_2")
            if name in runs and runs[name].notna().any()
        )
        grids.append(
            f"{optimizer_label(str(optimizer))}: {_counted(rates, 'learning rate')} × "
            f"{_counted(decays, 'weight decay')}{f' ({betas})' if betas else ''}"
        )
    recorded = int((frame["status"] != MISSING).sum())
    return (
        f"Grids: {'; '.join(grids)}. Seeds: {_seeds(frame)}. Budget of a run: "
        f"{_budget(frame)}; in all "
        f"{counted(recorded, 'run')}{duration_text(frame)}. Schedule of the learning "
        "rate: "
        f"{values_text(frame, 'schedule')}. Backend: {values_text(frame, 'backend')}. "
        "Everything else is the task's own and the same for all of these runs."
    )


def _budget(frame: pd.DataFrame) -> str:
    """`5 epochs, 20 steps of 50 examples, from 400 training examples`, as recorded."""
    epochs, steps, batch, examples = (
        "" if value == NOT_RECORDED else with_unit(value, unit)
        for value, unit in (
            (values_text(frame, "epochs"), "epochs"),
            (values_text(frame, "steps"), "steps"),
            (values_text(frame, "batch_size"), "examples"),
            (values_text(frame, "train_examples"), "training examples"),
        )
    )
    work = f"{steps or 'batches'} of {batch}" if batch else steps
    parts = (epochs, work, f"from {examples}" if examples else "")
    return ", ".join(filter(None, parts)) or NOT_RECORDED


def _measures(quantity: Quantity, epsilon: float) -> str:
    """What the numbers of the section are."""
    return (
        "The configuration with the best mean score over seeds is selected. The "
        f"tolerance width is the number of decades of learning rate whose "
        f"{quantity.name}, with the weight decay retuned at each learning rate and "
        f"linear in between, is within ε = {quantity.amount(epsilon)} of the common "
        "best of all optimizers, and of the optimizer's own best (chosen on all seeds "
        "but one and scored on that one); “≥” says that the range reaches the end of "
        "the grid. Where no setting is within ε of the common best there is no width, "
        "and a verdict on tolerance needs both widths to agree. "
        "The mean regret is the mean distance from the common best over all cells. "
        "The 95 % interval of the best score joins the t interval of the best cell "
        "with one that chooses the cell on half of the seeds and scores it on the "
        "others, because the best of many cells looks better than it is. That of a "
        "difference of widths is a t interval of its jackknife values over seeds."
    )


def _counted(values: pd.Series[float], name: str) -> str:
    """How many values of an axis there are, and from where to where."""
    count = values.nunique()
    if count == 1:
        return f"1 {name}, {number(values.min())}"
    return f"{count} {name}s from {number(values.min())} to {number(values.max())}"


def _seeds(frame: pd.DataFrame) -> str:
    present = frame["seed"].where(frame["status"].isin(FINISHED))
    keys = [frame[name] for name in ("optimizer", "learning_rate", "weight_decay")]
    counts = present.groupby(keys).nunique()
    few, many = int(counts.min()), int(counts.max())
    return f"{many} in every cell" if few == many else f"{few} to {many} in a cell"


def duration_text(frame: pd.DataFrame) -> str:
    """How long training took: ` and 2.1 hours of training`; empty if not recorded."""
    if "seconds" not in frame or frame["seconds"].isna().all():
        return ""
    seconds = float(frame["seconds"].sum())
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= size:
            return f" and {with_unit(number(seconds / size), unit)} of training"
    return f" and {with_unit(number(seconds), 'seconds')} of training"


def _unit(quantity: Quantity) -> str:
    return f" {quantity.unit}" if quantity.unit else ""


def values_text(frame: pd.DataFrame, column: str) -> str:
    """The values of a column as text: one, or all that occur."""
    if column not in frame:
        return NOT_RECORDED
    values = frame[column].dropna().unique().tolist()
    texts = [f"{v:g}" if isinstance(v, int | float) else str(v) for v in values]
    return " / ".join(texts) or NOT_RECORDED
