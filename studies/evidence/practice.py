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


def direction(entry: claims.Entry) -> int:
    """1 or −1 where the interval is above or below 0, else 0."""
    return int(entry["low"] > 0) - int(entry["high"] < 0)


def spikes_text(found: Found) -> str:
    """Which arms have fewer or more unstable runs than the usual setting."""
    task = next(iter(spikes.BEST))
    sentences = []
    for optimizer in practice_figures.OPTIMIZERS:
        changes = {
            arm: found[f"{task}.{optimizer}.{arm}.unstable_change"]
            for arm in spikes.ARMS
            if arm != "usual"
        }
        parts = [
            f"{word} with {_arms(changes, sign, optimizer)}"
            for sign, word in ((-1, "fewer"), (1, "more"))
            if any(direction(each) == sign for each in changes.values())
        ]
        usual = plain(found[f"{task}.{optimizer}.usual.unstable"], 100, 0)
        sentences.append(
            f"Of {NAMES[optimizer]}'s runs {usual} % spike or diverge in the usual "
            f"setting; {' and '.join(parts) or 'no change is shown to matter'}."
        )
    finite = [entry for name, entry in found.items() if name.endswith(".finite")]
    lost = sum(round((1 - entry["value"]) * entry["n"]) for entry in finite)
    total = sum(entry["n"] for entry in finite)
    text = f"**{' '.join(sentences)}** Of all {total:,} runs {lost} became NaN.\n\n"
    columns = [(task, optimizer) for task in spikes.BEST for optimizer in NAMES]
    text += "| change | " + " | ".join(
        f"{NAMES[optimizer]}, `{task}`" for task, optimizer in columns
    )
    text += " |\n|---|" + "---|" * len(columns) + "\n"
    for arm in spikes.ARMS:
        cells = [
            f"{plain(found[f'{task}.{optimizer}.usual.unstable'], 100, 0)} %"
            if arm == "usual"
            else points(found[f"{task}.{optimizer}.{arm}.unstable_change"], 0)
            for task, optimizer in columns
        ]
        text += f"| {label_of(arm)} | {' | '.join(cells)} |\n"
    return text + (
        "\nUnstable runs in % of all, over six learning rates from 1/4 to 8 times the "
        "best and six seeds; below the first row the difference from it, in points. "
        "Where an interval has no width, all seeds agree.\n"
    )


def label_of(arm: str, optimizer: str | None = None) -> str:
    """What an arm changes, of both optimizers or of one."""
    label = practice_figures.ARMS[arm]
    if optimizer and " / " in label:
        name, _, values = label.partition(" = ")
        return f"{name} = {values.split(' / ')[optimizer == 'lion']}"
    return label


def _arms(changes: Mapping[str, claims.Entry], sign: int, optimizer: str) -> str:
    chosen = [arm for arm in changes if direction(changes[arm]) == sign]
    return ", ".join(
        f"{label_of(arm, optimizer)} ({points(changes[arm], 0)} points)"
        for arm in chosen
    )


def short_warm_up_text(found: Found) -> str:
    """What no warm-up costs, at both learning rates and lengths."""
    text = ""
    for optimizer in practice_figures.OPTIMIZERS:
        lengths = " and ".join(
            f"{number(found[f'{optimizer}.{steps}.best.0.change'])} nats at its best "
            f"learning rate and {number(found[f'{optimizer}.{steps}.above.0.change'])} "
            f"at 3.2 times it ({steps} steps)"
            for steps in short_warm_up.LENGTHS
        )
        text += f"Without warm-up {NAMES[optimizer]}'s loss changes by {lengths}. "
    text = f"**{text.strip()}**\n\n| run | " + " | ".join(
        f"{per_cent} %" for per_cent in short_warm_up.PER_CENT
    )
    text += " |\n|---|" + "---|" * len(short_warm_up.PER_CENT) + "\n"
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
                text += (
                    f"| {NAMES[optimizer]}, {steps} steps, {words} | "
                    f"{' | '.join(cells)} |\n"
                )
    return text + (
        f"\nValidation loss (nats) with {short_warm_up.USUAL} % warm-up, and the "
        "difference from it with others.\n"
    )


def switching_text(found: Found) -> str:
    """What a switch changes, and what taking over adds."""
    fresh, taken, tenth = (
        f"matched_{arm}.50" for arm in ("fresh", "taken_over", "scaled")
    )
    accuracy = points(found[f"{fresh}.accuracy_change"])
    text = (
        "**Switching to Lion after half of the steps, with lr ÷ 4.36, λ × 10.4 and "
        "fresh momentum, changes the final validation loss by "
        f"{number(found[f'{fresh}.loss_change'])} nats and the accuracy by {accuracy} "
        "points, against AdamW to the end. AdamW's first moment as Lion's momentum "
        "changes the training loss of the next 50 steps by "
        f"{number(found[f'{taken}.bump_against_fresh'])} nats against fresh momentum, "
        f"a tenth of it by {number(found[f'{tenth}.bump_against_fresh'])}.**\n\n"
    )
    text += "| after the switch | " + " | ".join(
        f"at {place} %" for place in switching.PLACES
    )
    text += " |\n|---|" + "---|" * len(switching.PLACES) + "\n"
    for arm, look in practice_figures.SWITCHES.items():
        cells = [
            f"{number(found[f'{arm}.{place}.loss_change'])}"
            for place in switching.PLACES
        ]
        text += f"| {look['label']} | {' | '.join(cells)} |\n"
    for mode in switching.LION:
        whole = number(found[f"lion_{mode}.0.loss_change"])
        text += f"| Lion from the start, `{mode}` values | {whole} | | |\n"
    return text + "\nFinal validation loss (nats) less that of AdamW to the end.\n"


def fine_tuning_text(found: Found) -> str:
    """Lion against AdamW on AdamW's weights."""
    lion = "lion_fresh.loss_against.adamw_fresh"
    accuracy = points(found["lion_fresh.accuracy_against.adamw_fresh"])
    text = (
        "**On weights that AdamW trained, Lion's validation loss after fine-tuning is "
        f"{number(found[lion])} nats against AdamW's ({accuracy} points of accuracy), "
        "each at its best setting; taking the momentum over changes it by "
        f"{number(found['lion_taken_over.loss_against.lion_fresh'])} nats.**\n\n"
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
        block = (
            f"{words(kept['claims'])}\n![{caption}](../studies/results/{study}/{place})"
            f"\n\n{caption}\n"
        )
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
