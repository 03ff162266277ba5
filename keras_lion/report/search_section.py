"""The section of a report on the trials of a search."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from keras_lion.report import text
from keras_lion.report.elements.drawing import Material
from keras_lion.report.elements.search_texts import (
    best_text,
    next_lines,
    next_texts,
    tested_text,
    trials_by_optimizer,
)
from keras_lion.report.elements.style import (
    Quantity,
    listed,
    number,
    optimizer_color,
    optimizer_label,
)
from keras_lion.report.html import Section
from keras_lion.report.pictures import pictures_of
from keras_lion.report.section import metric_of
from keras_lion.robustness.cautions.divergence import search_advice
from keras_lion.robustness.frames.conditions import own_columns, plain, setting_text
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.frames.search_trials import (
    BUDGET,
    SEARCH,
    NextWindow,
    also_varied,
    best_trial,
    declared_ranges,
    next_windows,
)
from keras_lion.robustness.wording import counted

Trials = Mapping[str, pd.DataFrame]
PLACE = ("learning_rate", "weight_decay")
SEEDS = 5  # with fewer, numbers are called indicative
OPTIONS = ("beta_1", "beta_2", "batch_size")


def search_section(
    runs: pd.DataFrame,
    title: str,
    study: Mapping[str, Any],
    *,
    drawings: Collection[str] | None = None,
) -> tuple[Section, pd.DataFrame]:
    """The section on a task whose runs are trials, and its rows of `summary.csv`.

    Nothing is said of widths, regrets or lr × λ, which need a grid.
    """
    task, metric = str(runs["task"].iloc[0]), metric_of(runs)
    quantity = quantity_of_runs(runs)
    trials = trials_by_optimizer(runs)
    varied = also_varied(runs)
    bests = [best_text(name, each, quantity) for name, each in trials.items()]
    tests = [tested_text(name, each, quantity) for name, each in trials.items()]
    oracle, declared = SEARCH in study, declared_ranges(study)
    windows = {name: next_windows(each, declared) for name, each in trials.items()}
    code = [
        line
        for name, each in windows.items()
        for line in _code(name, each, oracle=oracle, alone=len(trials) == 1)
    ]
    own = {name: runs[runs["optimizer"] == name] for name in trials}
    tested = any(tests)
    section = Section(
        task=title,
        answer=" ".join(filter(None, [*bests, *tests])),
        scores="",
        methods=_methods(runs, trials, study),
        headings=_headings(trials, varied, quantity, tested=tested),
        rows=[
            _cells(name, each, varied, trials, quantity, tested=tested)
            for name, each in trials.items()
        ],
        cautions=[
            *_cautions(trials, own, imported="import" in study),
            *text.failures(runs, list(trials)),
        ],
        pictures=pictures_of(
            Material(title, task, metric, "score", math.nan, runs, {}),
            drawings,
            scope="search",
        ),
        advice=[
            one
            for name, each in trials.items()
            for one in next_texts(name, each, own[name], declared)
        ],
        code=code,
    )
    rows = [_numbers(title, task, name, each, runs) for name, each in trials.items()]
    return section, pd.DataFrame(rows)


def _code(
    optimizer: str, windows: list[NextWindow], *, oracle: bool, alone: bool
) -> list[str]:
    lines = next_lines(windows, oracle=oracle)
    if not lines or alone:
        return lines
    return [f"# {optimizer_label(optimizer)}", *lines]


def _cautions(
    trials: Trials, runs: Mapping[str, pd.DataFrame], *, imported: bool
) -> list[str]:
    """Reasons to believe less, the gravest first."""
    cautions = []
    for name, each in trials.items():
        counted = each[each["status"] != "failed"]
        bad = int((counted["status"] == "diverged").sum())
        if len(counted) and bad == len(counted):
            cautions.append(f"{optimizer_label(name)}: every trial diverged.")
        elif bad > len(counted) / 2:
            cautions.append(
                f"{optimizer_label(name)}: {bad} of {len(counted)} trials diverged: "
                f"{search_advice(runs[name])}."
            )
    counts = {name: len(each) for name, each in trials.items()}
    if len(set(counts.values())) > 1:
        texts = [f"{optimizer_label(name)} {count}" for name, count in counts.items()]
        cautions.append(
            f"The optimizers had different numbers of trials ({', '.join(texts)}): the "
            "best of more trials looks better."
        )
    bests = {name: best_trial(each) for name, each in trials.items()}
    single = {
        name: best
        for name, best in bests.items()
        if best is not None and best["seeds"] < 2
    }
    if single:
        how = "train it with other seeds before comparing"
        if imported:
            how += ", and import these runs too"
        else:
            how += f", in a Study with {_plan_of(single, runs)}"
        names = [*map(optimizer_label, single)]
        cautions.append(
            f"The best trial of {listed(names)} is a single run, chosen because its "
            f"score is the best: {how}."
        )
    return cautions


def _plan_of(
    bests: Mapping[str, Mapping[str, Any]], runs: Mapping[str, pd.DataFrame]
) -> str:
    """The plan that trains the best trials with several seeds, as Python to paste."""
    spaces = ", ".join(
        f'"{name}": SearchSpace({_space_of(best, runs[name])})'
        for name, best in bests.items()
    )
    budgets = [int(best[BUDGET]) for best in bests.values() if best.get(BUDGET)]
    epochs = f"epochs={max(budgets)}" if budgets else "epochs=…"
    return f"Plan({{{spaces}}}, {epochs}, seeds={SEEDS})"


def _space_of(best: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """The arguments of the search space that holds one trial alone."""
    axes = ", ".join(f'Axis("{name}", ({float(best[name])!r},))' for name in PLACE)
    names = [*OPTIONS, *own_columns(runs)]
    fixed = plain({n: best[n] for n in names if setting_text(best.get(n))})
    shown = ", ".join(f'"{name}": {_python(value)!r}' for name, value in fixed.items())
    return f"({axes}), {{{shown}}}" if shown else f"({axes})"


def _python(value: Any) -> Any:
    """A value as it is written: whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _headings(
    trials: Trials, varied: list[str], quantity: Quantity, *, tested: bool
) -> list[str]:
    return [
        "optimizer",
        f"best {quantity.label}",
        "trial",
        "learning_rate",
        "weight_decay",
        *varied,
        *([BUDGET] if _budgets(trials) else []),
        "trials",
        "diverged",
        "failed",
        *([quantity.tested.label] if tested else []),
    ]


def _cells(
    optimizer: str,
    trials: pd.DataFrame,
    varied: list[str],
    every: Trials,
    quantity: Quantity,
    *,
    tested: bool,
) -> dict[str, Any]:
    """One row of the table: the best trial, and how the others went."""
    best = best_trial(trials)
    names = [*varied, *([BUDGET] if _budgets(every) else [])]
    if best is None:
        shown = ["–"] * (4 + len(names))
        test = "–"
    else:
        shown = [
            quantity.text(best["score"]),
            str(best["trial"]),
            number(best["learning_rate"]),
            number(best["weight_decay"]),
            *(_setting(best[name]) for name in names),
        ]
        test = quantity.tested.text(best["test_score"])
    bad = [(trials["status"] == status).sum() for status in ("diverged", "failed")]
    counts = [len(trials), *bad]
    return {
        "label": optimizer_label(optimizer),
        "color": optimizer_color(optimizer),
        "texts": [*shown, *map(str, counts), *([test] if tested else [])],
    }


def _setting(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        return number(value, 3)
    return setting_text(value) or "–"


def _budgets(trials: Trials) -> bool:
    return any(each[BUDGET].nunique() > 1 for each in trials.values() if BUDGET in each)


def _methods(runs: pd.DataFrame, trials: Trials, study: Mapping[str, Any]) -> list[str]:
    """How the trials were chosen and made."""
    oracle = study.get(SEARCH, {}).get("oracle")
    how = "made elsewhere and imported" if "import" in study else "at free values"
    if oracle:
        how = f"chosen by KerasTuner's {oracle}"
    ranges = [
        f"{optimizer_label(name)} {counted(len(each), 'trial')} with "
        f"{_range('lr', each['learning_rate'])} and {_range('λ', each['weight_decay'])}"
        for name, each in trials.items()
    ]
    return [
        f"Trials {how}: {'; '.join(ranges)}. In all "
        f"{counted(len(runs), 'run')}{text.duration_text(runs)}.{_budget(runs)}",
        "A trial is one configuration and budget; its score is the mean over its "
        "seeds. The best trial has the best score of the largest budget. Free values "
        "form no grid, so that tolerance widths, regrets and the lr × λ law "
        "are not computed: for those, declare a study over a grid.",
    ]


def _budget(runs: pd.DataFrame) -> str:
    """Epochs, batch size and backend, as far as they are recorded."""
    known = {
        name: text.values_text(runs, column)
        for name, column in (
            ("Epochs", BUDGET),
            ("Batch size", "batch_size"),
            ("Backend", "backend"),
        )
        if column in runs and runs[column].notna().any()
    }
    return "".join(f" {name}: {value}." for name, value in known.items())


def _range(symbol: str, values: pd.Series[float]) -> str:
    if values.nunique() == 1:
        return f"{symbol} = {number(values.min())}"
    return f"{symbol} from {number(values.min())} to {number(values.max())}"


def _numbers(
    title: str, task: str, optimizer: str, trials: pd.DataFrame, runs: pd.DataFrame
) -> dict[str, Any]:
    """The row of `summary.csv`, in the units of the records."""
    own = runs[runs["optimizer"] == optimizer]
    counted = own[own["status"] != "failed"]
    diverged = int((counted["status"] == "diverged").sum())
    best = best_trial(trials)
    known = {"score": math.nan, "learning_rate": math.nan, "weight_decay": math.nan}
    known |= {"test_score": math.nan, "seeds": 0, "trial": None} | (best or {})
    return {
        "section": title,
        "task": task,
        "optimizer": optimizer,
        "score": known["score"],
        "score_n": known["seeds"],
        "learning_rate": known["learning_rate"],
        "weight_decay": known["weight_decay"],
        "value": "score",
        "num_trials": len(trials),
        "best_trial": known["trial"],
        "num_runs": len(counted),
        "num_diverged": diverged,
        "diverged_share": diverged / len(counted) if len(counted) else math.nan,
        "num_failed": len(own) - len(counted),
        "test_score": known["test_score"],
        "test_score_n": 0 if math.isnan(known["test_score"]) else known["seeds"],
    }
