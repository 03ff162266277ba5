"""The last screen of a study: sentences, the table, the verdicts, the report's path."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from keras_lion.report.elements.style import Quantity, number, optimizer_label
from keras_lion.robustness.cautions.cautions import leading
from keras_lion.robustness.frames.conditions import label_of
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.statistics import Interval
from keras_lion.tuning.runs.records import load_runs

if TYPE_CHECKING:
    from rich.console import Console


def print_summary(folder: Path, tasks: Sequence[str] | None, console: Console) -> None:
    """Print what the report of a folder found: the files that it wrote, as text.

    Args:
        folder: A study's folder, with its `summary.csv` and `summary.json`.
        tasks: Which tasks; None: all.
        console: Where to print.
    """
    table = pd.read_csv(folder / "summary.csv")
    if tasks is not None:
        table = table[table["task"].isin(tasks)]
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    sections = list(dict.fromkeys(table["section"]))
    runs = load_runs(folder).dropna(subset="metric")
    kinds = {str(name): part for name, part in runs.groupby("task")}
    for section in sections:
        rows = table[table["section"] == section].to_dict("records")
        kind = kinds.get(rows[0]["task"], runs)
        _print(console, f"\n{section}")
        entry = summary["tasks"][section]
        if entry.get("kind") == "search":
            for line in (entry["answer"], *entry["next"], *entry["code"]):
                _print(console, line)
            continue
        condition = entry.get("condition", {})
        for row in rows:
            _print(console, sentence(row, quantity_of_runs(kind), condition))
        _print(console)
        _print_table(rows, kind, console)
    names = [str(name) for name in dict.fromkeys(table["optimizer"])]
    declared = {str(verdict["claim"]) for verdict in summary["verdicts"]}
    verdicts = [
        (each["where"], each)
        for each in summary["verdicts"]
        if each["where"] in ("", *sections) or tasks is None
    ]
    for section in sections:
        entry = summary["tasks"][section]
        # The last lines say more precisely what the verdicts on lr × λ ask.
        if not entry.get("explained"):
            verdicts += [
                (section, each)
                for each in entry["verdicts"]
                if each["claim"] not in declared
            ]
    verdicts.sort(key=lambda each: each[0] in sections and sections.index(each[0]))
    for where, verdict in verdicts:
        first, *rest = verdict_lines(verdict, names)
        _print(console)
        _print(console, f"{where}: {first}" if where and len(sections) > 1 else first)
        for line in rest:
            _print(console, line)
    for section in sections:
        shown, others = leading(summary["tasks"][section]["cautions"])
        place = f"{section}: " if len(sections) > 1 else ""
        if shown:
            _print(console)
        for caution in shown:
            _print(console, f"caution: {place}{caution}")
        if others:
            _print(console, f"  {len(others)} more: {folder / 'report.html'}")
    _print_explained(console, summary["tasks"], sections)


def _print_explained(
    console: Console, entries: Mapping[str, Any], sections: Sequence[str]
) -> None:
    """What lr × λ explains on each task; nothing where that is not known."""
    found = {each: entries[each].get("explained", "") for each in sections}
    if any(found.values()):
        _print(console)
    for section, text in found.items():
        if text:
            _print(console, f"{section}: {text}")


def sentence(
    row: Mapping[Any, Any],
    quantity: Quantity,
    condition: Mapping[str, Any] | None = None,
) -> str:
    """The best mean score of an optimizer, and where it is reached.

    Args:
        row: One row of `summary.csv`.
        quantity: What the task's scores are.
        condition: Column → value of what differs between the sections of the task.
    """
    name = optimizer_label(row["optimizer"])
    runs, diverged = int(row["num_runs"]), int(row["num_diverged"])
    if not row["score_n"]:
        return f"{name}: no run has finished."
    if diverged == runs:
        return (
            f"{name}: {'the only run' if runs == 1 else f'all {runs} runs'} diverged."
        )
    seeds = int(row["score_n"])
    mean = "1 seed" if seeds == 1 else f"mean of {seeds} seeds"
    shown = f"{quantity.text(row['score'])} {quantity.unit}".rstrip()
    percent = quantity.unit == "%"
    reached = f"{shown} {quantity.name}" if percent else f"{quantity.name} {shown}"
    rate, decay = number(row["learning_rate"]), number(row["weight_decay"])
    label = f" ({label_of(condition)})" if condition else ""
    return (
        f"{name} reaches {reached} ({mean}) at learning rate {rate} and weight decay "
        f"{decay}{label}."
    )


def verdict_lines(verdict: Mapping[str, Any], optimizers: Sequence[str]) -> list[str]:
    """A verdict of `summary.json`: outcome and claim, the numbers, the reasons.

    Args:
        verdict: The verdict.
        optimizers: Names that are printed with their capital letters.
    """
    said = str(verdict["sentence"])
    reasons = [
        str(each)
        for each in verdict.get("reasons", [])
        if str(each).rstrip(".") not in said
    ]
    lines = [
        f"{str(verdict['outcome']).upper()}: {verdict['claim']}",
        f"  {said if said.startswith('lr') else said[:1].upper() + said[1:]}",
        *(f"  Reason: {reason}" for reason in reasons),
    ]
    names = "|".join(map(re.escape, optimizers))
    return [
        re.sub(rf"\b({names})\b", lambda m: optimizer_label(m[0]), line)
        for line in lines
    ]


def _print(console: Console, line: str = "") -> None:
    console.print(line, highlight=False, markup=False)


def _print_table(
    rows: Sequence[Mapping[Any, Any]], runs: pd.DataFrame, console: Console
) -> None:
    from rich.table import Table

    score = quantity_of_runs(runs)
    measured = quantity_of_runs(runs, str(rows[0]["value"]))
    regret = Quantity("mean regret", measured.unit, abs(measured.factor), 3)
    table = Table(
        "optimizer",
        score.label,
        "learning rate",
        "weight decay",
        "width",
        "own width",
        regret.label,
        "diverged",
        score.tested.label,
        box=None,
        pad_edge=False,
    )
    for row in rows:
        best = [
            _interval(row, "score", score),
            number(row["learning_rate"]),
            number(row["weight_decay"]),
            _width(row, "width"),
            _width(row, "own_width"),
        ]
        if row["num_runs"] and row["num_diverged"] == row["num_runs"]:
            best = ["none trained", *"––––"]  # the floor is no result
        table.add_row(
            optimizer_label(row["optimizer"]),
            *best,
            regret.text(row["mean_regret"]),
            f"{row['num_diverged']} of {row['num_runs']}" if row["num_runs"] else "–",
            _interval(row, "test_score", score.tested),
        )
    console.print(table)
    within = measured.amount(float(rows[0]["epsilon"]))
    _print(
        console,
        f"width: decades of learning rates with {measured.name} within ε = {within} "
        "of the common best (own width: of its own best); mean regret: of "
        f"{measured.name}",
    )


def _width(row: Mapping[Any, Any], name: str) -> str:
    decades = row[f"{name}_decades"]
    if math.isnan(decades):
        return "none"  # no setting is within ε of this best
    return f"{'≥ ' if row[f'{name}_censored'] else ''}{decades:.2f}"


def _interval(row: Mapping[Any, Any], name: str, quantity: Quantity) -> str:
    if not row[f"{name}_n"]:
        return "–"
    numbers = (row[name], row[f"{name}_low"], row[f"{name}_high"])
    interval = Interval(*numbers, int(row[f"{name}_n"]))
    # Rich takes brackets for markup.
    return quantity.interval(interval).replace("[", r"\[")
