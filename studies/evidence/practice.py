"""Writes the answers, numbers and figures of docs/practice.md from the results.

Command    python studies/evidence/practice.py [--check]

`--check` fails if the page or a figure differs from what the results give.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("MPLCONFIGDIR", tempfile.mkdtemp(prefix="fonts-"))

import pandas as pd
from matplotlib.figure import Figure

from studies import (
    claims,
    fine_tuning,
    practice_figures,
    short_warm_up,
    spikes,
    switching,
)
from studies.evidence.readme import END

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path("docs") / "practice.md"
NAMES = {"adamw": "AdamW", "lion": "Lion"}

Found = Mapping[str, claims.Entry]


def number(entry: claims.Entry, factor: float = 1.0, digits: int = 2) -> str:
    """An estimate with its interval: `+0.12 [+0.05, +0.19]`."""
    value, low, high = (factor * entry[key] for key in ("value", "low", "high"))
    sign = "+" if entry["unit"] == "nats" else ""
    return " ".join(
        text.replace("-", "−")
        for text in (
            f"{value:{sign}.{digits}f}",
            f"[{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]",
        )
    )


def points(entry: claims.Entry, digits: int = 1) -> str:
    """A difference of shares as percentage points."""
    return number({**entry, "unit": "nats"}, 100, digits)


def plain(entry: claims.Entry, factor: float = 1.0, digits: int = 2) -> str:
    """The same of a number that is no difference, without signs."""
    return number({**entry, "unit": ""}, factor, digits)


def spikes_text(found: Found) -> str:
    """Shares of unstable runs, and what each change of the setting makes of them."""
    task = next(iter(spikes.BEST))
    shares = {
        f"{optimizer}.{arm}": plain(found[f"{task}.{optimizer}.{arm}.unstable"], 100, 0)
        for optimizer in NAMES
        for arm in ("usual", "decay_0")
    }
    finite = [entry for name, entry in found.items() if name.endswith(".finite")]
    lost = sum(round((1 - entry["value"]) * entry["n"]) for entry in finite)
    text = (
        "**Lion needs its weight decay. Without it "
        f"{shares['lion.decay_0']} % of its runs spike or diverge, against "
        f"{shares['lion.usual']} % in the usual setting; of AdamW's "
        f"{shares['adamw.decay_0']} % against {shares['adamw.usual']} %. Clipping is "
        f"not shown to matter for either.** Of all {sum(e['n'] for e in finite):,} "
        f"runs {lost or 'none'} became NaN.\n\n"
    )
    columns = [(task, optimizer) for task in spikes.BEST for optimizer in NAMES]
    text += table_head(
        "change", [f"{NAMES[optimizer]}, `{task}`" for task, optimizer in columns]
    )
    for arm, label in practice_figures.ARMS.items():
        cells = [
            f"{plain(found[f'{task}.{optimizer}.usual.unstable'], 100, 0)} %"
            if arm == "usual"
            else points(found[f"{task}.{optimizer}.{arm}.unstable_change"], 0)
            for task, optimizer in columns
        ]
        text += table_row(label, cells)
    return text + (
        "\nUnstable runs in % of all, over six learning rates from 1/4 to 8 times the "
        "best and six seeds; below the first row the difference from it, in points. "
        "Where an interval has no width, all seeds agree.\n"
    )


def table_head(first: str, columns: Sequence[str]) -> str:
    """The first two lines of a Markdown table."""
    return table_row(first, columns) + "|---" * (1 + len(columns)) + "|\n"


def table_row(first: str, cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join([first, *cells])} |\n"


def short_warm_up_text(found: Found) -> str:
    """What no warm-up costs, at both learning rates and lengths."""
    lengths = short_warm_up.LENGTHS
    costs = {
        f"{optimizer}.{place}": " and ".join(
            number(found[f"{optimizer}.{steps}.{place}.0.change"]) for steps in lengths
        )
        for optimizer in NAMES
        for place in ("best", "above")
    }
    text = (
        "**AdamW needs warm-up more than Lion does. Without any, AdamW's loss changes "
        f"by {costs['adamw.best']} nats at its best learning rate (in "
        f"{' and '.join(map(str, lengths))} steps, against 10 %), and by "
        f"{costs['adamw.above']} at 3.2 times it; Lion's by {costs['lion.best']}, and "
        f"by {costs['lion.above']}. For Lion 2 % is enough; AdamW gains up to 10 %, "
        "and up to 20 % above its best learning rate.**\n\n"
    )
    text += table_head("run", [f"{share} %" for share in short_warm_up.PER_CENT])
    for optimizer in practice_figures.OPTIMIZERS:
        for steps in short_warm_up.LENGTHS:
            for place, words in (("best", "best lr"), ("above", "3.2 × best lr")):
                name = f"{optimizer}.{steps}.{place}"
                cells = [
                    plain(found[f"{name}.{per_cent}.loss"], digits=2)
                    if per_cent == short_warm_up.USUAL
                    else number(found[f"{name}.{per_cent}.change"])
                    for per_cent in short_warm_up.PER_CENT
                ]
                run = f"{NAMES[optimizer]}, {steps} steps, {words}"
                text += table_row(run, cells)
    return text + (
        f"\nValidation loss (nats) with {short_warm_up.USUAL} % warm-up, and the "
        "difference from it with others.\n"
    )


def switching_text(found: Found) -> str:
    """What a switch changes, and what taking over adds."""
    fresh, taken, tenth = (
        f"matched_{arm}.50" for arm in ("fresh", "taken_over", "scaled")
    )
    late = "matched_fresh.75"
    text = (
        "**It costs accuracy. After half of the steps, with lr ÷ 4.36, λ × 10.4 and "
        "fresh momentum, the switch changes the accuracy by "
        f"{points(found[f'{fresh}.accuracy_change'])} points and the final validation "
        f"loss by {number(found[f'{fresh}.loss_change'])} nats against AdamW to the "
        f"end; after 75 % by {points(found[f'{late}.accuracy_change'])} points and "
        f"{number(found[f'{late}.loss_change'])} nats. Do not take AdamW's first "
        "moment over: with it the training loss of the next 50 steps is higher by "
        f"{number(found[f'{taken}.bump_against_fresh'])} nats than with fresh momentum "
        f"(with a tenth of it: {number(found[f'{tenth}.bump_against_fresh'])}).**\n\n"
    )
    text += table_head(
        "after the switch", [f"at {place} %" for place in switching.PLACES]
    )
    for arm, look in practice_figures.SWITCHES.items():
        cells = [
            f"{number(found[f'{arm}.{place}.loss_change'])}"
            for place in switching.PLACES
        ]
        text += table_row(look["label"], cells)
    for mode in switching.LION:
        whole = number(found[f"lion_{mode}.0.loss_change"])
        text += table_row(f"Lion from the start, `{mode}` values", [whole, "", ""])
    return text + "\nFinal validation loss (nats) less that of AdamW to the end.\n"


def fine_tuning_text(found: Found) -> str:
    """Lion against AdamW on AdamW's weights."""
    loss = number(found["lion_fresh.loss_against.adamw_fresh"])
    accuracy = points(found["lion_fresh.accuracy_against.adamw_fresh"])
    text = (
        "**With AdamW. On weights that AdamW trained, Lion's validation loss after "
        f"fine-tuning differs from AdamW's by {loss} "
        f"nats and its accuracy by {accuracy} points, each "
        "at its best setting. There Lion has no use of the first training: from new "
        "weights its loss differs by "
        f"{number(found['lion_new_weights.loss_against.lion_fresh'])} nats, AdamW's by "
        f"{number(found['adamw_new_weights.loss_against.adamw_fresh'])}. The momentum "
        "of the first training is not shown to matter "
        f"({number(found['lion_taken_over.loss_against.lion_fresh'])} nats).**\n\n"
        "| arm | best lr | best λ | validation loss (nats) | accuracy (%) | on the "
        "first five digits (%) |\n|---|---|---|---|---|---|\n"
    )
    for arm, label in practice_figures.arm_labels().items():
        optimizer, _ = fine_tuning.ARMS[arm]
        decays = [fine_tuning.DECAYS[optimizer] * k for k in fine_tuning.SHARES]
        rate = _best(found[f"{arm}.learning_rate"], fine_tuning.RATES[optimizer])
        decay = _best(found[f"{arm}.weight_decay"], decays)
        text += (
            f"| {label} | {rate} | {decay} | "
            f"{plain(found[f'{arm}.loss'])} | "
            f"{plain(found[f'{arm}.accuracy'], 100, 1)} | "
            f"{plain(found[f'{arm}.old_accuracy'], 100, 1)} |\n"
        )
    return text


def _best(entry: claims.Entry, grid: Sequence[float]) -> str:
    """A best value, with a note where it is the largest or smallest that was tried."""
    value = float(entry["value"])
    ends = [end for end in (min(grid), max(grid)) if end]  # 0 has nothing below it
    edge = any(math.isclose(value, end, rel_tol=1e-2) for end in ends)
    return f"{value:.2g}{' (edge: provisional)' if edge else ''}"


# Study → its text, its figure, and what the figure shows.
STUDIES: dict[
    str, tuple[Callable[[Found], str], Callable[[pd.DataFrame], Figure], str]
] = {
    "spikes": (
        spikes_text,
        practice_figures.spikes_figure,
        "Runs of six seeds that spike or diverge, over the learning rate; in "
        "parentheses those that end diverged. β₂ = 0.9999 is AdamW's, 0.999 Lion's.",
    ),
    "short_warm_up": (
        short_warm_up_text,
        practice_figures.short_warm_up_figure,
        "Validation loss over the share of the steps that warm up (mean of 6 seeds, "
        "bands: 95 % intervals).",
    ),
    "switching": (
        switching_text,
        practice_figures.switching_figure,
        "Left: final validation loss less that of AdamW to the end. Right: training "
        "loss of the 50 steps after the switch, less AdamW's on the same batches.",
    ),
    "fine_tuning": (
        fine_tuning_text,
        practice_figures.fine_tuning_figure,
        "Validation loss after 300 steps on 500 examples, over the learning rate, with "
        "the best weight decay of each (mean of 8 seeds, bands: 95 % intervals).",
    ),
}


def write(root: Path, results: Path) -> None:
    """Write the page and its figures below `root`."""
    page = root / PAGE
    text = page.read_text(encoding="utf-8")
    for study, (words, draw, caption) in STUDIES.items():
        folder = results / study
        kept = json.loads((folder / f"{study}.json").read_text(encoding="utf-8"))
        place = f"figures/{study}.png"
        (folder / "figures").mkdir(exist_ok=True)
        draw(pd.read_csv(folder / "runs.csv")).savefig(
            folder / place, dpi=160, metadata={"Software": None}
        )
        short = re.sub(r" \([^)]*\)", "", caption).partition(", ")[0]
        picture = f"![{short}](../studies/results/{study}/{place})"
        block = f"{words(kept['claims'])}\n{picture}\n\n{caption}\n"
        marker = f"<!-- {study}: written by studies/evidence/practice.py -->\n"
        before, rest = text.split(marker)
        _, after = rest.split(END, maxsplit=1)
        text = f"{before}{marker}\n{block}\n{END}{after}"
    page.write_text(text, encoding="utf-8")


def check() -> list[str]:
    """What differs between the committed files and those made anew."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        (copy / "docs").mkdir()
        shutil.copy(ROOT / PAGE, copy / PAGE)
        for study in STUDIES:
            shutil.copytree(
                claims.RESULTS / study, copy / "studies" / "results" / study
            )
        write(copy, copy / "studies" / "results")
        names = [PAGE] + [
            Path("studies/results") / study / "figures" / f"{study}.png"
            for study in STUDIES
        ]
        return [
            str(name)
            for name in names
            if not (ROOT / name).exists()
            or not filecmp.cmp(copy / name, ROOT / name, shallow=False)
        ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        write(ROOT, claims.RESULTS)
        sys.exit()
    different = check()
    if different:
        sys.exit(
            "These files must be what the results give. Run `python "
            f"studies/evidence/practice.py`; it changes: {', '.join(different)}"
        )
    print("docs/practice.md and its figures are what the results give.")
