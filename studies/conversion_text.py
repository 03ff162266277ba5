"""What the conversions from AdamW are worth: sentences, kept numbers, the figure.

Command    python studies/conversion_text.py [FOLDER ...]

Reads the public table, and folders of studies/transfer_from_adamw.py that are not
collected yet. Prints a sentence per task and per set of tasks. Writes the numbers of
docs/converting-from-adamw.md, conversion.json, and figures/conversion.png to
results/transfer_from_adamw/, as `make evidence` does.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_lion.report.html import DPI
from keras_lion.statistics import Interval, t_interval
from keras_lion.tuning import load_runs
from keras_lion.tuning.runs.table import merge_runs
from studies.claims import RESULTS, Entry, entry, exact, keep
from studies.conversion import (
    BELOW_BASELINE,
    KEYS,
    MATCHED,
    OTHERS_K,
    Conversions,
    Decision,
    all_conversions,
    decide,
    factor_of_others,
)
from studies.conversion_figure import conversion_figure
from studies.transfer_from_adamw import EPSILON, LATER


def sentences(found: Sequence[Conversions]) -> list[str]:
    """What the runs show: a sentence per task, and one per set of tasks."""
    counted = [each for each in found if each.task not in BELOW_BASELINE]
    lines = [_sentence(each, factor_of_others(counted, each.task)) for each in found]
    for label, tasks in _sets(found).items():
        if len(tasks) > 1:
            lines.append(f"{len(tasks)} {label}: {_verdict(decide(found, tasks))}")
    return lines


def _sets(found: Sequence[Conversions]) -> dict[str, list[str]]:
    """The sets of tasks that the rule is applied to; the first one decides."""
    known = [each.task for each in found]
    return {
        "tasks added later, which decide": [t for t in LATER if t in known],
        "all tasks": [t for t in known if t not in BELOW_BASELINE],
        "all tasks and python_lm": known,
    }


def _sentence(each: Conversions, k: float) -> str:
    """The regrets of one task, and matched less the k of the other tasks."""
    regrets = {f"k = {k:.2g}, chosen on the other tasks": k, **KEYS}
    own = ", ".join(f"{n} {_nats(each.regret(c))}" for n, c in regrets.items())
    less = {
        f"that at k = {k:.2g}": each.less(MATCHED, k),
        "AdamW's": t_interval(each.losses[MATCHED] - each.adamw),
    }
    baseline = " (above the bigram baseline)" if each.task in BELOW_BASELINE else ""
    edges = f"; own best on an edge: {', '.join(each.edges)}" if each.edges else ""
    return (
        f"{each.task}{baseline}: regret to Lion's own best (nats): {own}; loss at "
        f"matched less {', less '.join(f'{n}: {_nats(g)}' for n, g in less.items())}; "
        f"ε {each.epsilon:g}{edges}."
    )


def _verdict(found: Decision) -> str:
    means = ", ".join(f"{n} {_units(each)}" for n, each in found.mean_regret.items())
    gaps = ", ".join(f"{n} {_units(each)}" for n, each in found.gap.items())
    return (
        f"mean regret in units of ε: {means}; matched less the others, paired by task: "
        f"{gaps}; at worst {found.worst_gap:.2f} ε above the {OTHERS_K} "
        f"({found.worst_task}). The rule {'holds' if found.holds else 'does not hold'}."
    )


def entries(found: Sequence[Conversions]) -> dict[str, Entry]:
    """Task and conversion → regret, and the means over tasks, as kept numbers."""
    counted = [each for each in found if each.task not in BELOW_BASELINE]
    kept = {}
    for each in found:
        others = factor_of_others(counted, each.task)
        for name, key in (*KEYS.items(), (OTHERS_K, others)):
            kept[f"{each.task}, {name}"] = entry(each.regret(key), "nats")
        kept[f"{each.task}, {OTHERS_K}, chosen"] = exact(others, "times")
        gap = t_interval(each.losses[MATCHED] - each.adamw)
        kept[f"{each.task}, matched less AdamW"] = entry(gap, "nats")
    for label, tasks in _sets(found).items():
        if len(tasks) < 2:
            continue
        decision = decide(found, tasks)
        for name, mean in decision.mean_regret.items():
            kept[f"{label}, {name}"] = entry(mean, "ε")
        for name, less in decision.gap.items():
            kept[f"{label}, matched less {name}"] = entry(less, "ε")
        kept[f"{label}, worst"] = exact(decision.worst_gap, "ε")
    return kept


def row(task: str, kept: Mapping[str, Entry]) -> str:
    """A line of the table in docs/converting-from-adamw.md."""
    names = (MATCHED, OTHERS_K, "k = 3.2", "k = 5.6", "k = 10")
    cells = [_cell(kept[f"{task}, {name}"]) for name in names]
    cells[1] += f" (k = {kept[f'{task}, {OTHERS_K}, chosen']['value']:.2g})"
    less = _cell(kept[f"{task}, matched less AdamW"])
    return f"| `{task}` | {' | '.join(cells)} | {less} | {EPSILON[task]:g} |"


def summary(kept: Mapping[str, Entry]) -> str:
    """The sentences of docs/converting-from-adamw.md on all tasks."""
    later, every = "tasks added later, which decide", "all tasks"

    def of(name: str) -> str:
        found = kept[name]
        text = f"{found['value']:.1f} [{found['low']:.1f}, {found['high']:.1f}]"
        return text.replace("-", "−")

    def means(label: str) -> str:
        ratios = ", ".join(
            f"{kept[f'{label}, {name}']['value']:.1f} at {name}"
            for name in ("k = 3.2", "k = 5.6", "k = 10")
        )
        return (
            f'{of(f"{label}, {MATCHED}")} ε at `"matched"`, '
            f"{of(f'{label}, {OTHERS_K}')} at the k of the other tasks, {ratios}"
        )

    gaps = [
        f"{of(f'{label}, matched less {OTHERS_K}')} ε ({count} tasks)"
        for label, count in ((later, 5), (every, 9))
    ]
    return (
        f"The mean regret on the five tasks that decide, the last ones, is "
        f"{means(later)}; on all but `python_lm`, {means(every)}. By the rule that the "
        f'study declared beforehand, `"matched"` is the default. Paired by task, '
        f'`"matched"` less the k of the other tasks is {" and ".join(gaps)}: it is not '
        f"shown to be better on average, and it is worse by at most "
        f"{kept[f'{every}, worst']['value']:.2f} ε, in batches of 1,024."
    )


def _cell(found: Entry) -> str:
    ends = f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
    return ends.replace("-", "−")


def _nats(interval: Interval) -> str:
    return format(interval, ".3f").replace("-", "−")


def _units(interval: Interval) -> str:
    return format(interval, ".2f").replace("-", "−")


def write(folder: Path, measured: Sequence[Conversions]) -> None:
    """Write conversion.json and figures/conversion.png."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    picture = folder / "figures" / "conversion.png"
    conversion_figure(measured).savefig(picture, dpi=DPI)
    keep(folder / "conversion.json", entries(measured))


if __name__ == "__main__":
    from studies.evidence.runs import all_runs

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    folders = [load_runs(folder) for folder in parser.parse_args().folders]
    measured = all_conversions(merge_runs([all_runs(), *folders]))
    print("\n".join(sentences(measured)))
    write(RESULTS / "transfer_from_adamw", measured)
