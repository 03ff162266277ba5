"""From a study's folder to its report."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from keras_lion.report import decay_maps
from keras_lion.report.decay_maps import DecayMap, decay_maps_picture
from keras_lion.report.elements.drawing import Material, Scope
from keras_lion.report.file_names import file_name
from keras_lion.report.html import Page, Picture, render
from keras_lion.report.pictures import pictures_of
from keras_lion.report.run_table import write_runs
from keras_lion.report.search_section import search_section
from keras_lion.report.section import metric_of, section_of
from keras_lion.report.table import (
    error_table,
    summary_frame,
    verdict_record,
    verdict_texts,
)
from keras_lion.robustness.frames.conditions import parts_of, plain, splitting_columns
from keras_lion.robustness.frames.missing_runs import read_plan, with_missing_runs
from keras_lion.robustness.frames.runs import name_contenders
from keras_lion.robustness.frames.search_trials import SEARCH, is_search
from keras_lion.robustness.landscape import Value
from keras_lion.robustness.study_verdicts import (
    EPSILON,
    decide,
    decide_secondary,
    error_rates,
)
from keras_lion.robustness.summary import runs_of_preset
from keras_lion.tuning.runs.files import write_json
from keras_lion.tuning.runs.records import (
    load_environment,
    load_runs,
    load_study,
    recorded_order,
)
from keras_lion.tuning.study.comparison import (
    FIRST_COMPARISON,
    Comparison,
    comparison_changed_text,
    comparison_changes,
    read_comparison,
)
from keras_lion.tuning.study.extension import Extension

# Measures that ask of lr × λ with enough decay: their verdicts take the place of those
# on the whole grid.
ABOUT_PRODUCT = ("iso_product_spread", "memory_over_batch_size")


def write_report(folder: str | Path, *, study: Mapping[str, Any] | None = None) -> Path:
    """Write the report of a study into its folder.

    Runs on a grid are shown as landscapes with their widths and verdicts; the trials of
    a search, and imported runs that form no grid, as a scatter with the best so far and
    what to try next. Writes `summary.csv`, `summary.json`, `runs.csv`,
    `figures/<task>_<figure>.png` and the page `report.html`, which needs no other file.
    Existing ones are replaced.

    Args:
        folder: A study's folder: run records, `study.json` and perhaps
            `environment.json`.
        study: The declaration to read instead of `study.json`. A `preset` in it chooses
            among those in the records; the default is the one with the most runs.

    Returns:
        Path of `report.html`.

    Raises:
        FileNotFoundError: If the folder holds no records or no `study.json`.
        ValueError: If runs of one task cannot share a landscape.

    Example:

    ```python
    from keras_lion.report import write_report

    write_report("results/learning_rate_weight_decay-standard")
    ```
    """
    folder = Path(folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = load_runs(folder)
    declaration = load_study(folder) if study is None else study
    if any(is_search(runs, declaration) for _, runs in frame.groupby("task")):
        # The best so far needs the trials in their order.
        order = {key: at for at, key in enumerate(recorded_order(folder))}
        places = frame["key"].map(order).sort_values(kind="stable").index
        frame = frame.loc[places].reset_index(drop=True)
    known = (folder / "environment.json").exists()
    environment = load_environment(folder) if known else {}
    for each in caught:
        warnings.warn(each.message, stacklevel=2)
    doubts = [str(each.message) for each in caught]
    return write_pages(folder, frame, declaration, environment, notes=doubts)


def write_pages(
    folder: Path,
    frame: pd.DataFrame,
    study: Mapping[str, Any],
    environment: Mapping[str, Any],
    *,
    notes: Sequence[str] = (),
    drawings: Collection[str] | None = None,
) -> Path:
    """Write the report of run records into a folder that exists; see `write_report`.

    `notes` are said before anything else; `drawings` are the names of the figures
    wanted, as in `pictures.FIGURES` (None: all that apply).
    """
    notes = [*notes]
    all_runs = frame
    frame = name_contenders(frame)
    presets = frame["preset"].value_counts() if "preset" in frame else pd.Series()
    if len(presets) > 1:
        chosen = study.get("preset", presets.index[0])
        frame = runs_of_preset(frame, chosen)
        notes.append(
            f"The folder holds runs of the presets {', '.join(sorted(presets.index))}: "
            f"this report reads {chosen}."
        )
    frame, mixed = _of_one_backend(frame)
    notes += mixed
    tasks = _tasks(frame, study)
    searches = [
        task for task in tasks if is_search(all_runs[all_runs["task"] == task], study)
    ]
    gridded = frame[~frame["task"].isin(searches)]
    comparison = _comparison(study, notes)
    if first := study.get(FIRST_COMPARISON):
        changes = comparison_changes(first, study.get("comparison", {}))
        notes.append(comparison_changed_text(changes))
    decided = []
    if len(gridded):
        read = all_runs.loc[gridded.index]
        decided = decide(read, comparison) if comparison else []
        decided += decide_secondary(read, study)
    declared = study.get("comparison", {})
    value: Value = declared.get("value", "final_loss")
    epsilons = declared.get("epsilon", {})
    sections, rows, trial_rows = [], [], []
    drawn: list[str] = []
    across: dict[str, list[Picture]] = {}
    report: dict[str, dict[str, Any]] = {}
    maps: dict[str, list[DecayMap | None]] = {}
    for task in tasks:
        own = frame[frame["task"] == task]
        if task in searches:
            # Betas that were searched make no contenders of their own.
            own = all_runs.loc[own.index]
            section, numbers = search_section(own, task, study, drawings=drawings)
            drawn += _save(section.pictures, task, folder)
            sections.append(section)
            trial_rows.append(numbers)
            report[task] = {
                "kind": SEARCH,
                "condition": {},
                "answer": section.answer,
                "next": [*section.advice],
                "code": [*section.code],
                "cautions": section.cautions,
                "verdicts": [],
            }
            continue
        epsilon = epsilons.get(task, EPSILON)
        if task not in epsilons:
            again = (
                " Import again with --epsilon, in the unit of the results, to set it."
            )
            notes.append(
                f"{task}: the study declares no ε, so that {EPSILON} was used."
                f"{again if 'import' in study else ''}"
            )
        extended = _extensions(study, own, task)
        own = _with_missing_runs(own, all_runs, study, task)
        for part in parts_of(own):
            title = ", ".join(filter(None, (task, part.label)))
            section, summaries, verdicts, shown = section_of(
                part.runs,
                title,
                value,
                epsilon,
                decided=[each for place, each in decided if place == title],
                paired="import" not in study,
                law=comparison is None or comparison.measure not in ABOUT_PRODUCT,
                drawings=drawings,
                extended=extended,
            )
            drawn += _save(section.pictures, title, folder)
            sections.append(section)
            maps.setdefault(task, []).append(shown)
            rows += [
                (replace(summary, condition=part.values), epsilon, title)
                for summary in summaries
            ]
            report[title] = {
                "condition": plain(part.values),
                "answer": section.answer,
                "explained": section.explained,
                "cautions": section.cautions,
                "verdicts": [verdict_record(each) for each in verdicts],
            }
        wider: dict[Scope, list[str]] = {
            "task": [],
            "batch sizes": splitting_columns(own),
        }
        for scope, columns in wider.items():
            for part in parts_of(own, columns):
                title = ", ".join(filter(None, (task, part.label)))
                material = Material(
                    title, task, metric_of(own), value, epsilon, part.runs, {}
                )
                found = pictures_of(material, drawings, scope=scope)
                if found:
                    across[title] = [*across.get(title, []), *found]
                    drawn += _save(found, title, folder)
    overview = _overview(maps, drawings)
    drawn += _save(overview, "tasks", folder)
    table = pd.concat([summary_frame(rows), *trial_rows], ignore_index=True)
    table.to_csv(folder / "summary.csv", index=False)
    for title, entry in report.items():
        entry["optimizers"] = table[table["section"] == title].to_dict("records")
    _remove_others(folder, drawn)
    write_json(
        folder / "summary.json",
        {
            "study": study.get("name"),
            "comparison": declared,
            "verdicts": [
                {"where": place, **verdict_record(each)} for place, each in decided
            ],
            "tasks": report,
            "notes": notes,
            "figures": drawn,
        },
    )
    write_runs(folder / "runs.csv", all_runs)
    page = Page(
        title=str(study.get("name", "study")).replace("_", " "),
        question=str(study.get("question", "")),
        statement="" if SEARCH in study else str(declared.get("statement", "")),
        verdicts=[(place, verdict_texts(each)) for place, each in decided],
        sections=sections,
        runs=all_runs,
        overview=overview,
        across=across,
        environment=environment,
        notes=notes,
        error_rates=error_table(error_rates()) if len(gridded) else pd.DataFrame(),
    )
    path = folder / "report.html"
    path.write_text(render(page), encoding="utf-8")
    return path


def _overview(
    maps: Mapping[str, Sequence[DecayMap | None]], drawings: Collection[str] | None
) -> list[Picture]:
    """The heatmaps of a few tasks of one condition each, in one figure."""
    single = [each[0] for each in maps.values() if len(each) == 1]
    shown = [each for each in single if each is not None]
    few = 1 < len(shown) <= decay_maps.MOST_TASKS
    wanted = drawings is None or decay_maps.NAME in drawings
    return [decay_maps_picture(shown)] if few and wanted else []


def _of_one_backend(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The runs of each task's commonest backend, and a note where there are others.

    Runs of two backends with one seed are two trainings of one cell.
    """
    if "backend" not in frame or frame["backend"].nunique() < 2:
        return frame, []
    parts, notes = [], []
    for task, runs in frame.groupby("task", sort=False):
        counts = runs["backend"].value_counts()
        parts.append(runs[runs["backend"] == counts.index[0]])
        if len(counts) > 1:
            notes.append(
                f"{task}: the folder holds runs of the backends "
                f"{', '.join(sorted(counts.index))}: this report reads "
                f"{counts.index[0]}."
            )
    return pd.concat(parts), notes


def _comparison(study: Mapping[str, Any], notes: list[str]) -> Comparison | None:
    """What the study declared; None, and a note, if that cannot be read."""
    try:
        return read_comparison(study.get("comparison", {}))
    except ValueError as error:
        notes.append(f"The declared comparison decides nothing here: {error}")
        return None


def _extensions(
    study: Mapping[str, Any], runs: pd.DataFrame, task: str
) -> list[Extension]:
    """How far the grid of a task was extended with `--extend`."""
    if "preset" not in runs or runs.empty:
        return []
    presets = study.get("extended", {}).get(task, {})
    kept = presets.get(str(runs["preset"].mode().iloc[0]), [])
    return [Extension.parse(each) for each in kept]


def _with_missing_runs(
    runs: pd.DataFrame,
    all_runs: pd.DataFrame,
    study: Mapping[str, Any],
    task: str,
) -> pd.DataFrame:
    """The runs of a task, and rows for the declared ones that lack a record.

    The declaration names optimizers as `all_runs` does, `runs` by their betas too.
    """
    preset = str(runs["preset"].mode().iloc[0]) if "preset" in runs else ""
    declared = study.get("plans", {}).get(task, {}).get(preset)
    if not declared or runs.empty:
        return runs
    plan = read_plan(declared)
    every = with_missing_runs(all_runs.loc[runs.index], plan)
    return name_contenders(every) if len(every) > len(runs) else runs


def _save(pictures: Sequence[Picture], title: str, folder: Path) -> list[str]:
    """Write figures; gives the names of their files."""
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    names = [f"{file_name(title)}_{picture.name}.png" for picture in pictures]
    for name, picture in zip(names, pictures, strict=True):
        (figures / name).write_bytes(picture.png)
    return names


def _remove_others(folder: Path, drawn: Sequence[str]) -> None:
    """Remove figures that the last report of the folder wrote and this one does not.

    Those are listed in its `summary.json`: files that somebody else put there stay.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        last = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        for name in set(map(str, last.get("figures", []))) - {*drawn}:
            if name == Path(name).name and name.endswith(".png"):
                (folder / "figures" / name).unlink(missing_ok=True)


def _tasks(frame: pd.DataFrame, study: Mapping[str, Any]) -> list[str]:
    """Tasks that have records, in the order of the declaration."""
    recorded = sorted(frame["task"].unique().tolist())
    declared = [task for task in study.get("plans", {}) if task in recorded]
    return [*declared, *(task for task in recorded if task not in declared)]
