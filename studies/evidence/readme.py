"""What the results show, in README and docs, between markers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keras_lion.report.style import optimizer_label
from keras_lion.robustness.comparison import compare_tolerance
from keras_lion.robustness.grid import steps
from keras_lion.statistics import Interval
from studies.evidence.catalog import table
from studies.evidence.measured import written
from studies.evidence.runs import MAIN, landscapes, runs_of

MARKERS = {
    "results": "<!-- results: written by `make evidence` -->\n",
    "not": "<!-- when not to use Lion: written by `make evidence` -->\n",
    "studies": "<!-- every study: written by `make evidence` -->\n",
}
# Page → the blocks that it has.
PAGES = {
    "README.md": ("results", "not"),
    "docs/index.md": ("results",),
    "docs/studies.md": ("studies",),
}
END = "<!-- end -->"
TASK = "mnist1d_mlp"
# Claim, the outcome that speaks against Lion, and what follows from it.
REASONS = (
    (
        "small-tasks",
        "supported",
        "**for the best score on a small task**: AdamW's is higher",
        "points of accuracy, AdamW − Lion",
    ),
    (
        "less-sensitive",
        "not supported",
        "**where the learning rate cannot be tuned**: Lion's range of learning rates "
        "is not wider",
        "decades, Lion − AdamW",
    ),
    (
        "rule-of-thumb",
        "not supported",
        "**as a replacement without a search**: AdamW's values moved by 3 to 10 do not "
        "reach AdamW",
        "nats, loss of AdamW − Lion",
    ),
    (
        "step-time",
        "not supported",
        "**for speed on a CPU**: a step is not faster",
        "times, AdamW / Lion",
    ),
    (
        "noise-regularizes",
        "not supported",
        "**to regularize**: at one training loss it overfits more",
        "nats of gap, Lion − other",
    ),
    (
        "flatter-minima",
        "not supported",
        "**for flat minima**: its minima are sharper",
        "times the relative trace of the Hessian",
    ),
)


def updated(text: str, blocks: dict[str, str]) -> str:
    """A page with each block between its markers."""
    for name, block in blocks.items():
        before, rest = text.split(MARKERS[name])
        _, after = rest.split(END, maxsplit=1)
        text = f"{before}{MARKERS[name]}\n{block}\n{END}{after}"
    return text


def headline(summary: dict[str, Any]) -> str:
    """The result in three sentences: best scores, and the range around each best."""
    rows = summary["tasks"][TASK]["optimizers"]
    rows = sorted(rows, key=lambda row: -row["score"])
    seeds, epsilon = rows[0]["score_n"], rows[0]["epsilon"]
    reached = " and ".join(
        f"{optimizer_label(row['optimizer'])} {'reaches ' * (row is rows[0])}"
        f"{100 * row['score']:.1f} % [{100 * row['score_low']:.1f}, "
        f"{100 * row['score_high']:.1f}]"
        for row in rows
    )
    widths = "; ".join(
        f"{optimizer_label(row['optimizer'])} stays within {epsilon:g} nats of it over "
        f"{row['width_decades']:.2f} decades of learning rates (a factor of "
        f"{10 ** row['width_decades']:.1f})"
        if row["width_decades"] is not None
        else f"no setting of {optimizer_label(row['optimizer'])} comes that close"
        for row in rows
    )
    return (
        f"On MNIST-1D, with learning rate and weight decay tuned for both ({seeds} "
        f"seeds, 95 % intervals), {reached} validation accuracy. Sensitivity is judged "
        "on the validation loss. Compared with the lowest loss of the two, "
        f"{widths}. {_own_widths(rows, epsilon)}\n"
    )


def _own_widths(rows: list[dict[str, Any]], epsilon: float) -> str:
    """The ranges around each own best loss, with the interval of their difference."""
    found = landscapes(runs_of(MAIN, TASK), "final_loss")
    gap = compare_tolerance(
        found["lion"], found["adamw"], epsilon, own_best=True
    ).difference
    step = steps(found["lion"])[0]
    own = " and ".join(
        f"{row['own_width_decades']:.2f} decades for "
        f"{optimizer_label(row['optimizer'])}"
        for row in rows
    )
    shown = gap.low > 0 or gap.high < 0
    verdict = "" if shown else "so that neither is shown to be wider; "
    return (
        f"Around each optimizer's own lowest loss, the same range is {own}: Lion − "
        f"AdamW {written(gap, 'decades')}, {verdict}learning rates of the grid are "
        f"{step:.1f} decades apart."
    )


def when_not(ledger: list[dict[str, Any]]) -> str:
    """Reasons against Lion, each with the row of the ledger that it rests on."""
    found = {entry["claim"]: entry["measurements"] for entry in ledger}
    lines = [
        "By what was measured here, on small tasks, Lion is not the choice (counted "
        "are the rows of the ledger that show it, of all rows of the claim, and the "
        "tasks with such a row and none that shows the opposite)\n"
    ]
    for claim, against, reason, unit in REASONS:
        measured = found[claim]
        agreeing = [each for each in measured if each["outcome"] == against]
        if not agreeing:
            continue
        example = agreeing[0]
        lines.append(
            f"- {reason}: {_counts(measured, against)} "
            f"([{claim}](studies/README.md#{claim}); {example['where']}: "
            f"{_interval(example['number'])} {unit})."
        )
    state = found["state-size"][-1]["text"].removesuffix(" (counted, n=1)")
    lines.append(
        f"\nWhat speaks for it is memory ({state}). Large models, where its authors "
        "report its gains, are [out of reach here](studies/README.md#large-scale).\n"
    )
    return "\n".join(lines)


def _counts(measured: list[dict[str, Any]], against: str) -> str:
    """`5 of 8 measurements, 4 of 6 tasks`."""
    opposite = {"supported": "not supported", "not supported": "supported"}[against]
    outcomes: dict[str, set[str]] = {}
    for each in measured:
        task = each["where"].partition(",")[0]
        outcomes.setdefault(task, set()).add(each["outcome"])
    rows = sum(each["outcome"] == against for each in measured)
    tasks = sum(
        against in found and opposite not in found for found in outcomes.values()
    )
    noun = "task" if len(outcomes) == 1 else "tasks"
    return f"{rows} of {len(measured)} measurements, {tasks} of {len(outcomes)} {noun}"


def _interval(number: dict[str, Any]) -> str:
    found = Interval(number["estimate"], number["low"], number["high"], number["n"])
    return written(found)


def blocks(results: Path) -> dict[str, str]:
    """Every generated block, by name."""
    summary = results / "learning_rate_weight_decay" / "summary.json"
    ledger = json.loads((results / "ledger.json").read_text(encoding="utf-8"))
    return {
        "results": headline(json.loads(summary.read_text(encoding="utf-8"))),
        "not": when_not(ledger),
        "studies": table("../studies/"),
    }


def write(root: Path, results: Path) -> None:
    """Write the blocks into the pages below `root`."""
    made = blocks(results)
    for page, names in PAGES.items():
        path = root / page
        text = path.read_text(encoding="utf-8")
        new = updated(text, {name: made[name] for name in names})
        path.write_text(new, encoding="utf-8")
