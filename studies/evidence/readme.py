"""What the results show, in README and docs, between markers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studies.evidence import answers, costs, side_by_side
from studies.evidence.catalog import table
from studies.evidence.measured import written
from studies.evidence.page import interval
from studies.evidence.row import NO, YES, Verdict
from studies.evidence.update_costs import update_costs

MARKERS = {
    "results": "<!-- results: written by `make evidence` -->\n",
    "table": "<!-- Lion next to AdamW: written by `make evidence` -->\n",
    "costs": "<!-- what an update costs: written by `make evidence` -->\n",
    "not": "<!-- when not to use Lion: written by `make evidence` -->\n",
    "studies": "<!-- every study: written by `make evidence` -->\n",
    "rows": "<!-- lazy rows: written by `make evidence` -->\n",
    "diagnostics": "<!-- diagnostics: written by `make evidence` -->\n",
}
# Page → the way from it to the root, and the blocks that it has.
PAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "README.md": ("", ("results", "table", "costs", "not")),
    "docs/index.md": ("../", ("results",)),
    "docs/studies.md": ("../", ("studies",)),
    "docs/parallel.md": ("../", ("rows",)),
    "docs/diagnostics.md": ("../", ("diagnostics",)),
}
END = "<!-- end -->"
# Claim, the verdict that speaks against Lion, and what follows from it.
REASONS: Sequence[tuple[str, tuple[Verdict, ...], str]] = (
    (
        "small-tasks",
        YES,
        "**for the best score on a small task**: AdamW's is higher",
    ),
    (
        "joint-mistake",
        YES,
        "**where learning rate and weight decay are both guessed**: a joint mistake "
        "costs it more",
    ),
    (
        "rule-of-thumb",
        NO,
        "**as a replacement without a search**: AdamW's values moved by 3 to 10 do not "
        "reach AdamW",
    ),
    ("step-time", NO, "**for speed on a CPU**: a step is not faster"),
    (
        "noise-regularizes",
        NO,
        "**to regularize**: at one training loss it overfits more",
    ),
    ("flatter-minima", NO, "**for flat minima**: its minima are sharper"),
)


def updated(text: str, blocks: Mapping[str, str]) -> str:
    """A page with each block between its markers."""
    for name, block in blocks.items():
        before, rest = text.split(MARKERS[name])
        _, after = rest.split(END, maxsplit=1)
        text = f"{before}{MARKERS[name]}\n{block}\n{END}{after}"
    return text


def headline(ledger: Sequence[Mapping[str, Any]], root: str) -> str:
    """Best results, wrong values, lr × λ and starting values, in a sentence each."""
    found = answers.answers(ledger, f"{root}studies/README.md")
    return "\n".join(f"- {each}" for each in found) + "\n"


def compared() -> str:
    """The table of all tasks under its own headline."""
    return f"**{side_by_side.headline()}**\n\n{side_by_side.table()}"


def when_not(ledger: Sequence[Mapping[str, Any]]) -> str:
    """Reasons against Lion, each with the number of the ledger that it rests on."""
    found = {entry["claim"]: entry for entry in ledger}
    lines = ["By what was measured here, on small tasks, Lion is not the choice\n"]
    for claim, verdicts, reason in REASONS:
        entry = found[claim]
        if entry["outcome"] not in verdicts:
            continue
        row = entry["measurements"][entry["row"]]
        number = written(interval(row["number"]), row["unit"])
        except_on = (
            f"; not on {' and '.join(entry['against'])}" if entry["against"] else ""
        )
        lines.append(
            f"- {reason} ({row['where']}: {entry['quantity']} {number}{except_on}; "
            f"[{claim}](studies/README.md#{claim}))."
        )
    state = found["state-size"]["measurements"][-1]["text"].removesuffix(
        " (counted, n=1)"
    )
    lines.append(
        f"\nWhat speaks for it is memory ({state}). Large models, where its authors "
        "report its gains, [cannot be tested here](studies/README.md#large-scale).\n"
    )
    return "\n".join(lines)


def blocks(results: Path, page: str) -> dict[str, str]:
    """The generated blocks of a page, by name."""
    root, names = PAGES[page]
    ledger = json.loads((results / "ledger.json").read_text(encoding="utf-8"))
    made = {
        "results": lambda: headline(ledger, root),
        "table": compared,
        "costs": lambda: update_costs(results),
        "not": lambda: when_not(ledger),
        "studies": lambda: table(f"{root}studies/"),
        "rows": lambda: costs.sparse_rows(results),
        "diagnostics": lambda: costs.diagnostics(results),
    }
    return {name: made[name]() for name in names}


def write(root: Path, results: Path) -> None:
    """Write the blocks into the pages below `root`."""
    for page in PAGES:
        path = root / page
        text = path.read_text(encoding="utf-8")
        path.write_text(updated(text, blocks(results, page)), encoding="utf-8")
