"""Writes figure and numbers of docs/recipe.md from the simulation of studies/recipe.py.

Command    python studies/recipe_page.py [--check]      Duration   seconds

`--check` fails if the page differs from what studies/results/recipe/recipe.json gives.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_lion.statistics import wilson_interval
from studies.evidence.readme import END
from studies.recipe import DECISIONS, EQUAL, FILE, Array, interval
from studies.recipe_methods import BUDGETS
from studies.recipe_prior import CAP

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("docs") / "recipe.md"
FIGURE = Path("figures") / "regret.png"
MARKER = "<!-- {}: written by `python studies/recipe_page.py` -->\n"
OWN = "recipe"

Kept = Mapping[str, Any]


def regrets(kept: Kept) -> dict[str, Array]:
    """Method → regrets in ε, shape (tasks, sessions, budgets)."""
    return {name: np.array(each) for name, each in kept["regrets"].items()}


def search_table(kept: Kept) -> str:
    """Mean regret after k trials, by method, over the tasks of the public table."""
    found = regrets(kept)
    head = "".join(f" k = {k} |" for k in BUDGETS)
    lines = [f"| trials |{head}", "|---|" + "---|" * len(BUDGETS)]
    for name, each in found.items():
        cells = "".join(f" {m:.1f} [{a:.1f}, {b:.1f}] |" for m, a, b in interval(each))
        lines.append(f"| {name} |{cells}")
    counts = ", ".join(f"{name} {each.shape[1]}" for name, each in found.items())
    return "\n".join(
        [
            *lines,
            "",
            f"Regret in ε, at most {CAP:g}: mean of {len(kept['tasks'])} tasks and its "
            f"95 % interval over tasks and sessions. Sessions per task: {counts}.",
        ]
    )


def compared(kept: Kept) -> str:
    """Where the recipe is better, tied, or worse than another method."""
    found = regrets(kept)
    worse, tied, better = [], [], 0
    for name, each in found.items():
        if name == OWN:
            continue
        for budget, (mean, low, high) in zip(
            BUDGETS, interval(each, found[OWN]), strict=True
        ):
            text = f"{name} at k = {budget} ({-mean:+.1f} [{-high:+.1f}, {-low:+.1f}])"
            if high < 0:
                worse.append(text.replace("-", "−"))
            elif low <= 0:
                tied.append(text.replace("-", "−"))
            else:
                better += 1
    pairs = (len(found) - 1) * len(BUDGETS)
    lines = [
        f"Of {pairs} comparisons (another method, a number of trials), the recipe has "
        f"less regret in {better}; the interval of the difference includes 0 in "
        f"{len(tied)}, and it has more in {len(worse)}."
    ]
    if tied:
        lines.append(f"\nNo difference shown (recipe − other): {'; '.join(tied)}.")
    if worse:
        lines.append(f"\n**The recipe has more regret than** {'; '.join(worse)}.")
    return "\n".join(lines)


def new_table(kept: Kept) -> str:
    """Mean regret after k trials, by method, on each new task."""
    new = kept["new"]
    head = "".join(f" k = {k} |" for k in BUDGETS)
    lines = [f"| task | trials |{head}", "|---|---|" + "---|" * len(BUDGETS)]
    for i, task in enumerate(new["tasks"]):
        for name, each in regrets(new).items():
            means = np.minimum(each[i], CAP).mean(axis=0)
            cells = "".join(f" {mean:.1f} |" for mean in means)
            lines.append(f"| `{task['task']}` | {name} |{cells}")
    better = []
    for name, each in regrets(new).items():
        for i, task in enumerate(new["tasks"]):
            own = regrets(new)[OWN][i : i + 1]
            rows = zip(BUDGETS, interval(each[i : i + 1], own), strict=True)
            for budget, (mean, low, high) in rows:
                if high < 0:
                    text = f"{name} on `{task['task']}` at k = {budget} "
                    text += f"({-mean:+.1f} [{-high:+.1f}, {-low:+.1f}])"
                    better.append(text)
    text = "; ".join(better) if better else "none"
    gains = "; ".join(
        f"`{task['task']}`: {task['gain']:+.1f} ε".replace("-", "−")
        for task in new["tasks"]
    )
    wrong = "; ".join(
        f"{budget} trials: "
        + ", ".join(f"{share:.0%}".replace("%", " %") for share in shares["lion"])
        for budget, shares in new["switched"].items()
    )
    return "\n".join(
        [
            *lines,
            "",
            "Mean regret in ε. Methods with less than the recipe (recipe − other, 95 % "
            f"intervals over sessions): {text}.",
            "",
            f"Lion's best cell less AdamW's: {gains}. Sessions that end with "
            f'"switch", in the order of the tasks: {wrong}.',
        ]
    )


def rate(shares: Array, sessions: int) -> str:
    """A share of sessions with its 95 % interval, in percent."""
    found = wilson_interval(float(shares.sum() * sessions), len(shares) * sessions)
    return (
        f"{100 * found.estimate:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}] %"
    )


def decision_table(kept: Kept) -> str:
    """How often a session ends with "switch", by what is true."""
    gains = np.array([task["gain"] for task in kept["tasks"]])
    groups = {
        "Lion is not better (its best cell − AdamW's ≤ 0)": ("lion", gains <= 0),
        "Lion is better by more than ε": ("lion", gains > 1),
        "AdamW against AdamW (A/A)": ("0", gains > -np.inf),
        "AdamW against AdamW + 1 ε": ("1", gains > -np.inf),
        "AdamW against AdamW + 2 ε": ("2", gains > -np.inf),
        "AdamW against AdamW + 4 ε": ("4", gains > -np.inf),
    }
    budgets = list(kept["switched"])
    head = "".join(f" k = {budget} |" for budget in budgets)
    lines = [f"| truth | tasks | right answer |{head}", "|---|---|---|" + "---|" * 3]
    for name, (control, chosen) in groups.items():
        right = "switch" if control in "124" or "more than" in name else "stay"
        cells = ""
        for budget in budgets:
            shares = np.array(kept["switched"][budget][control])[chosen]
            cells += f" {rate(shares, EQUAL if control == '0' else DECISIONS)} |"
        lines.append(f"| {name} | {int(chosen.sum())} | {right} |{cells}")
    close = ", ".join(
        f"`{task['task']}`" for task in kept["tasks"] if 0 < task["gain"] <= 1
    )
    return "\n".join(
        [
            *lines,
            "",
            f'Share of sessions that end with "switch", with binomial 95 % intervals: '
            f"{EQUAL} sessions per task of A/A, {DECISIONS} of the others. On {close} "
            "Lion is better by less than ε: either answer is right.",
        ]
    )


def blocks(kept: Kept) -> dict[str, str]:
    """The generated blocks of the page."""
    return {
        "search": f"{search_table(kept)}\n\n{compared(kept)}\n",
        "new": f"{new_table(kept)}\n",
        "decision": f"{decision_table(kept)}\n",
    }


def updated(text: str, made: Mapping[str, str]) -> str:
    """The page with each block between its markers."""
    for name, block in made.items():
        marker = MARKER.format(name)
        before, rest = text.split(marker)
        _, after = rest.split(END, maxsplit=1)
        text = f"{before}{marker}\n{block}\n{END}{after}"
    return text


def figure(kept: Kept) -> Figure:
    """Regret over the number of trials, by method."""
    drawn = Figure(figsize=(7, 4), layout="constrained")
    axes = drawn.subplots()
    for name, each in regrets(kept).items():
        means, low, high = np.array(interval(each)).T
        width = 2.5 if name == OWN else 1.2
        (line,) = axes.plot(BUDGETS, means, "o-", label=name, linewidth=width)
        axes.fill_between(BUDGETS, low, high, alpha=0.12, color=line.get_color())
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(BUDGETS, [str(budget) for budget in BUDGETS])
    axes.minorticks_off()
    axes.set_xlabel("trials of Lion")
    axes.set_ylabel("mean regret (ε)")
    axes.legend(frameon=False, fontsize=8)
    return drawn


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    path = ROOT / PAGE
    old = path.read_text(encoding="utf-8")
    new = updated(old, blocks(stored))
    if parser.parse_args().check:
        if new != old:
            sys.exit(f"{PAGE} is not what {FILE.name} gives: run without --check.")
    else:
        path.write_text(new, encoding="utf-8")
        target = FILE.parent / FIGURE
        target.parent.mkdir(exist_ok=True)
        figure(stored).savefig(target, dpi=120, metadata={"Software": None})
