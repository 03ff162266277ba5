"""The ledger as a page: studies/README.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_lion.statistics import Interval
from studies.evidence import answers, side_by_side
from studies.evidence.basis import PRIMARY
from studies.evidence.catalog import listed, table
from studies.evidence.claims import QUESTIONS
from studies.evidence.measured import written
from studies.evidence.row import DECIDED, MEANINGS, YES
from studies.evidence.runs import all_runs, declared

Entry = Mapping[str, Any]
NAMED = 4  # places of the opposite verdict; more are in the details

HEAD = """<!-- written by `make evidence`: do not edit -->

# The ledger of claims

What is claimed of Lion, and what {runs:,} training runs of small networks show. The
networks train on a CPU in seconds to a minute: a verdict holds at this scale, and large
models may differ.

## In two minutes

{answers}

{headline}

{side_by_side}

![Spread of accuracy at one lr × λ](results/effective_decay/figures/ladder.png)

## How to read the claims

Each claim has one verdict, one number with its 95 % interval over n seeds, and one
link. The details have the rows of all tasks; they share data and seeds, so that they
are no independent evidence and are not counted. A study has one primary outcome, named
at the end of this page; where it is a number for each optimizer, each has a row. A
claim's verdict is that of its primary row, or of the first row that decides; a claim
that several things hold rests on the first row that does not.

{meanings}
"""


def page(found: Sequence[Entry], results: Path) -> str:
    """studies/README.md."""
    lines = [f"- {answer}" for answer in answers.answers(found)]
    text = HEAD.format(
        runs=len(all_runs()),
        answers="\n".join(lines),
        headline=f"**{side_by_side.headline()}**",
        side_by_side=side_by_side.table().rstrip(),
        meanings=meanings(),
    )
    for key, question in QUESTIONS.items():
        text += f"\n## {question}\n"
        for entry in found:
            if entry["group"] == key:
                text += _section(entry, results)
    return f"{text}\n{_studies(found)}"


def meanings() -> str:
    """Every verdict with its meaning."""
    return "\n".join(
        f"- **{verdict}**: {meaning}" for verdict, meaning in MEANINGS.items()
    )


def sentence(entry: Entry) -> str:
    """Verdict, place and number of a claim, and where it was found otherwise."""
    row, outcome = entry["measurements"][entry["row"]], entry["outcome"]
    number, what = row["number"], entry["quantity"]
    if outcome == "cannot be tested here":
        said = (row["reasons"] or [row["text"]])[0]
    elif what and number and None not in number.values():
        said = f"{what} {written(interval(number), row['unit'])}"
    else:
        said = row["text"]
    text = f"**{outcome.capitalize()}** ({row['where']}): {said}."
    opposite = entry["against"]
    if opposite:
        places = "; ".join(opposite) if len(opposite) <= NAMED else "see the details"
        word = "It does not on" if outcome in YES else "It does on"
        text += f" {word}: {places}."
    for each in entry["measurements"]:
        if each["primary"] and not row["primary"] and each["outcome"] not in DECIDED:
            text += f" Its primary outcome, {each['where']}: {each['outcome']}."
    return text


def interval(number: Mapping[str, Any]) -> Interval:
    """The interval of a row of the ledger."""
    return Interval(number["estimate"], number["low"], number["high"], number["n"])


def _section(entry: Entry, results: Path) -> str:
    text = f"\n### {entry['claim']}\n\n{entry['text']} {sentence(entry)}"
    figure, study = entry["figure"], entry["study"]
    if figure:
        text += f" [Figure](results/{figure})"
    elif study:
        text += f" [Study]({study})"
    return f"{text}\n\n{_details(entry, results)}"


def _details(entry: Entry, results: Path) -> str:
    study = entry["study"]
    source = f"Source: {entry['source']}."
    source += f" Study: [{study}]({study})." if study else ""
    figure = entry["figure"]
    if figure:
        links = [
            f"[{task or 'figure'}](results/{path.relative_to(results).as_posix()})"
            for task, path in figures_like(results / figure)
        ]
        source += f" Figures: {', '.join(links)}."
    parts = [source, _rows(entry)]
    known = sorted({each["coverage"] for each in entry["measurements"]} - {""})
    if known:
        parts.append(f"How often such intervals cover: {'; '.join(known)}.")
    if entry["note"]:
        parts.append(entry["note"])
    if entry["repeat"]:
        parts.append("```bash\n" + "\n".join(entry["repeat"]) + "\n```")
    return folded("Details", "\n\n".join(parts))


def _rows(entry: Entry) -> str:
    text = "| where | measured | checks | verdict |\n|---|---|---|---|\n"
    for each in entry["measurements"]:
        why = f" ({'; '.join(each['reasons'])})" if each["reasons"] else ""
        text += (
            f"| {each['where']} | {_cell(each['text'])} | {_checks(each)} | "
            f"**{each['outcome']}**{_cell(why)} |\n"
        )
    return text.rstrip()


def _checks(row: Mapping[str, Any]) -> str:
    """Role, edges, windows and baseline of a row, in words."""
    if row["outcome"] == "not run yet":
        return "–"
    edges, windows = row["edges"], row["windows"]
    found = ["primary" if row["primary"] else "secondary"]
    if edges is not None:
        found.append("an optimum on an edge" if edges else "optima inside")
    if windows is not None:
        found.append(f"sign in {windows:.0%} of windows")
    if row["baseline"] is not None:
        found.append("not above" if "not better" in row["baseline"] else "above")
        found[-1] += " a trivial model"
    return ", ".join(found)


def folded(title: str, text: str) -> str:
    """Text that a click unfolds, on GitHub and on the documentation site."""
    return f'<details markdown="1"><summary>{title}</summary>\n\n{text}\n\n</details>\n'


def _studies(found: Sequence[Entry]) -> str:
    rows = ["| study | primary outcome | verdict |", "|---|---|---|"]
    for study, task in PRIMARY.items():
        statement = declared(study).comparison.statement
        verdicts = [
            f"{_side(each['where'])}{each['outcome']}"
            for entry in found
            for each in entry["measurements"]
            if each["primary"] and entry["study"] == f"{study}.py"
        ]
        shown = "; ".join(verdicts) or "not run yet"
        rows.append(f"| [{study}]({study}.py) | {statement} On `{task}`. | {shown} |")
    return (
        "## Every study\n\nThe primary outcome of a study is its declared comparison "
        "on one task. Everything else on this page is secondary.\n\n"
        + folded("Primary outcomes", "\n".join(rows))
        + "\n"
        + folded("All studies, with their commands", table().rstrip())
    )


def _side(where: str) -> str:
    _, comma, side = where.partition(", ")
    return f"{side}: " if comma else ""


def figures_like(figure: Path) -> list[tuple[str, Path]]:
    """(task, figure) of the same kind, for every task of its study that has one."""
    study = figure.parents[1].name
    declares = {each.file for each in listed() if each.declares}
    tasks = list(declared(study).plans) if f"{study}.py" in declares else []
    named = [each for each in tasks if figure.name.startswith(f"{each}_")]
    if not named:
        return [("", figure)]
    task = max(named, key=len)
    kind = figure.name.removeprefix(f"{task}_")
    paths = [(each, figure.with_name(f"{each}_{kind}")) for each in tasks]
    return [(each, path) for each, path in paths if path.exists()]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
