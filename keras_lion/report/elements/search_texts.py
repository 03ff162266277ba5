"""What figures and section of a search say in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from keras_lion.report.elements.style import (
    Quantity,
    in_order,
    listed,
    number,
    optimizer_label,
)
from keras_lion.robustness.cautions.divergence import search_advice
from keras_lion.robustness.frames.conditions import texts_of
from keras_lion.robustness.frames.search_trials import (
    LEAST_TRIALS,
    NextWindow,
    also_varied,
    best_trial,
    next_windows,
    num_finished,
    trials_of,
)
from keras_lion.robustness.wording import counted

FEW = 4  # values of a hyperparameter that are listed; of more, the range is named
SYMBOLS = {"learning_rate": "lr", "weight_decay": "λ"}
SIDES = {"low": "lowest", "high": "highest"}


def trials_by_optimizer(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Optimizer → its trials, in the order of every table and figure."""
    names = in_order(runs["optimizer"].unique())
    return {name: trials_of(runs[runs["optimizer"] == name]) for name in names}


def best_text(optimizer: str, trials: pd.DataFrame, quantity: Quantity) -> str:
    """Which trial is the best, its score and its values, as a sentence."""
    best = best_trial(trials)
    label = optimizer_label(optimizer)
    if best is None:
        return f"{label}: no trial trained."
    shown = f"{quantity.text(best['score'])} {quantity.unit}".strip()
    seeds = "" if best["seeds"] < 2 else f", mean of {best['seeds']} seeds"
    return (
        f"{label}: best {quantity.name} {shown} at lr = "
        f"{number(best['learning_rate'])}, λ = {number(best['weight_decay'])} (trial "
        f"{best['trial']} of {len(trials)}{seeds})."
    )


def tested_text(optimizer: str, trials: pd.DataFrame, quantity: Quantity) -> str:
    """The test score of the best trial; empty where it was not measured."""
    best = best_trial(trials)
    if best is None or pd.isna(best["test_score"]):
        return ""
    tested = quantity.tested
    shown = f"{tested.text(best['test_score'])} {tested.unit}".strip()
    return f"{optimizer_label(optimizer)}: {tested.name} of the best trial {shown}."


def varied_text(runs: pd.DataFrame) -> str:
    """Which other hyperparameters the trials differ in; empty for none."""
    texts = [f"{name} ({_values(runs, name)})" for name in also_varied(runs)]
    if not texts:
        return ""
    return f"The trials also differ in {listed(texts)}, which the figure does not show."


def next_texts(
    optimizer: str,
    trials: pd.DataFrame,
    runs: pd.DataFrame,
    declared: Mapping[str, tuple[float, float]] | None = None,
) -> list[str]:
    """Where the search goes on: one sentence per hyperparameter.

    Args:
        optimizer: Name of the optimizer.
        trials: Its trials.
        runs: Its run records.
        declared: Hyperparameter → the ends of the range that was to be searched.
    """
    label, best = optimizer_label(optimizer), best_trial(trials)
    if (trials["status"] == "failed").all():
        return [
            f"{label}: every trial failed. Correct the error that the caution names, "
            "and search again."
        ]
    if best is None:
        return [f"{label}: no trial trained: {search_advice(runs)}."]
    if (number_of := num_finished(trials)) < LEAST_TRIALS:
        return [
            f"{label}: after {counted(number_of, 'trial')} no part of the ranges can "
            "be left out: search on in the same ranges."
        ]
    windows = next_windows(trials, declared)
    texts = [f"{label}: {_next_text(window)}" for window in windows]
    if best["weight_decay"] == 0 and trials["weight_decay"].nunique() > 1:
        texts.append(
            f"{label}: the best trial has no weight decay: keep λ = 0 among the values."
        )
    return texts


def next_lines(windows: list[NextWindow], *, oracle: bool) -> list[str]:
    """The next window as Python to paste: a space of KerasTuner, or axes of a grid."""
    lines = []
    for window in windows:
        low, high = f"{window.low:.2g}", f"{window.high:.2g}"
        if oracle:
            line = f'space.Float("{window.axis}", {low}, {high}, sampling="log")'
        else:
            ratio = (window.high / window.low) ** 0.25
            line = (
                f'Axis.geometric("{window.axis}", centre={window.centre:.6g}, '
                f"ratio={ratio:.4g}, num=5)"
            )
        lines.append(line)
    return lines


def _next_text(window: NextWindow) -> str:
    symbol = SYMBOLS[window.axis]
    ends = f"{number(window.low)} to {number(window.high)}"
    if not math.isnan(window.declared):
        return (
            f"the best trial lies among the {SIDES[window.side]} {symbol} tried "
            f"({number(window.centre)}), and the range of the search goes on to "
            f"{number(window.declared)}: search {symbol} from {ends}."
        )
    if window.side:
        return (
            f"the best trial lies among the {SIDES[window.side]} {symbol} tried "
            f"({number(window.centre)}), and the optimum may lie beyond: search "
            f"{symbol} from {ends}."
        )
    return f"search {symbol} from {ends}, around {number(window.centre)}."


def _values(runs: pd.DataFrame, name: str) -> str:
    """The values of a hyperparameter: all of a few, or the range."""
    texts = texts_of(runs, name)
    known = list(dict.fromkeys(texts[texts != ""]))
    if len(known) <= FEW:
        return " / ".join(sorted(known, key=_by_size))
    numbers = pd.to_numeric(runs[name], errors="coerce")
    if numbers.notna().any():
        return f"{number(float(numbers.min()))} to {number(float(numbers.max()))}"
    return f"{len(known)} values"


def _by_size(text: str) -> tuple[float, str]:
    try:
        return float(text), ""
    except ValueError:
        return float("inf"), text
