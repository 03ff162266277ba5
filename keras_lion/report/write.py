"""From a study's folder to its report."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from keras_lion.report import text
from keras_lion.report.drawing import Material
from keras_lion.report.file_names import file_name
from keras_lion.report.html import Page, Picture, Section, render
from keras_lion.report.pictures import pictures_of
from keras_lion.report.run_table import write_runs
from keras_lion.report.style import in_order, optimizer_label, quantity_of
from keras_lion.report.table import (
    cells,
    error_table,
    headings,
    summary_frame,
    verdict_record,
    verdict_texts,
)
from keras_lion.robustness.cautions import (
    cautions_of,
    edge_cautions,
    window_cautions,
)
from keras_lion.robustness.comparison import compare_best
from keras_lion.robustness.conditions import conditions_of
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.robustness.runs import name_contenders
from keras_lion.robustness.study_verdicts import (
    EPSILON,
    decide,
    error_rates,
    law_verdicts,
)
from keras_lion.robustness.summary import (
    OptimizerSummary,
    runs_of_preset,
    summarize,
    task_optimizers,
)
from keras_lion.robustness.verdict import Verdict
from keras_lion.statistics import FEW, Interval
from keras_lion.tuning.runs.files import write_json
from keras_lion.tuning.runs.records import load_environment, load_runs, load_study
from keras_lion.tuning.study.comparison import Comparison, read_comparison


def write_report(folder: str | Path, *, study: Mapping[str, Any] | None = None) -> Path:
    """Write the report of a study into its folder.

    Writes `summary.csv`, `summary.json`, `runs.csv`, `figures/<task>_<figure>.png` and
    the page `report.html`, which needs no other file. Existing ones are replaced.

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
    comparison = _comparison(study, notes)
    decided = decide(all_runs.loc[frame.index], comparison) if comparison else []
    declared = study.get("comparison", {})
    value: Value = declared.get("value", "final_loss")
    epsilons = declared.get("epsilon", {})
    sections, rows = [], []
    across: dict[str, list[Picture]] = {}
    report: dict[str, dict[str, Any]] = {}
    for task in _tasks(frame, study):
        epsilon = epsilons.get(task, EPSILON)
        if task not in epsilons:
            notes.append(
                f"{task}: the study declares no ε, so that {EPSILON} was used."
            )
        for condition, runs in conditions_of(frame, task).items():
            title = f"{task}, {condition}" if condition else task
            section, summaries, verdicts = _section(
                runs,
                title,
                value,
                epsilon,
                folder,
                decided=[each for place, each in decided if place == title],
                paired="import" not in study,
                drawings=drawings,
            )
            sections.append(section)
            rows += [(summary, epsilon, title) for summary in summaries]
            report[title] = {
                "answer": section.answer,
                "cautions": section.cautions,
                "verdicts": [verdict_record(each) for each in verdicts],
            }
        own = frame[frame["task"] == task]
        material = Material(task, task, _metric(own), value, epsilon, own, {})
        if found := pictures_of(material, drawings, across=True):
            across[task] = found
            _save(found, task, folder)
    table = summary_frame(rows)
    table.to_csv(folder / "summary.csv", index=False)
    for title, entry in report.items():
        entry["optimizers"] = table[table["section"] == title].to_dict("records")
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
        },
    )
    write_runs(folder / "runs.csv", all_runs)
    page = Page(
        title=str(study.get("name", "study")).replace("_", " "),
        question=str(study.get("question", "")),
        statement=str(declared.get("statement", "")),
        verdicts=[(place, verdict_texts(each)) for place, each in decided],
        sections=sections,
        runs=all_runs,
        across=across,
        environment=environment,
        notes=notes,
        error_rates=error_table(error_rates()),
    )
    path = folder / "report.html"
    path.write_text(render(page), encoding="utf-8")
    return path


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


def _section(
    runs: pd.DataFrame,
    title: str,
    value: Value,
    epsilon: float,
    folder: Path,
    *,
    decided: Sequence[Verdict],
    paired: bool,
    drawings: Collection[str] | None,
) -> tuple[Section, list[OptimizerSummary], list[Verdict]]:
    task = str(runs["task"].iloc[0])
    optimizers = in_order(task_optimizers(runs, task))
    metric = _metric(runs)
    landscapes: dict[Value, dict[str, Landscape]] = {
        each: {
            name: Landscape.from_runs(runs, optimizer=name, task=task, value=each)
            for name in optimizers
        }
        for each in {"score": None, value: None, **_also_loss(metric, runs)}
    }
    rows = summarize(
        runs, task=task, epsilon=epsilon, optimizers=optimizers, value=value
    )
    cautions = [
        *_cautions(landscapes, metric, value, epsilon),
        *text.failures(runs, optimizers),
    ]
    verdicts = [
        *decided,
        *law_verdicts(runs, task=task, epsilon=epsilon, value=value),
    ]
    section = Section(
        task=title,
        answer=text.answer(
            rows,
            metric=metric,
            epsilon=epsilon,
            difference=_difference(list(landscapes[value].values())),
            notes=_doubts(landscapes[value].values()),
        ),
        scores=text.best_scores(rows, metric),
        methods=text.methods(
            runs, metric=metric, value=value, epsilon=epsilon, paired=paired
        ),
        headings=headings(metric, value),
        rows=[cells(row, metric) for row in rows],
        cautions=cautions,
        verdicts=[verdict_texts(each) for each in verdicts],
        pictures=pictures_of(
            Material(title, task, metric, value, epsilon, runs, landscapes), drawings
        ),
    )
    _save(section.pictures, title, folder)
    return section, rows, verdicts


def _comparison(study: Mapping[str, Any], notes: list[str]) -> Comparison | None:
    """What the study declared; None, and a note, if that cannot be read."""
    try:
        return read_comparison(study.get("comparison", {}))
    except ValueError as error:
        notes.append(f"The declared comparison decides nothing here: {error}")
        return None


def _difference(landscapes: Sequence[Landscape]) -> Interval | None:
    """Difference of the best of two optimizers; None where it is not known."""
    if len(landscapes) != 2 or any(each.empty for each in landscapes):
        return None
    try:
        return compare_best(*landscapes).difference
    except ValueError:  # an interrupted sweep lacks seeds of some cells
        return None


def _save(pictures: Sequence[Picture], title: str, folder: Path) -> None:
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        path = figures / f"{file_name(title)}_{picture.name}.png"
        path.write_bytes(picture.png)


def _cautions(
    landscapes: Mapping[Value, Mapping[str, Landscape]],
    metric: str,
    value: Value,
    epsilon: float,
) -> list[str]:
    """Cautions about the measured value, and about the place of the best score."""
    measured = quantity_of(metric, value).name
    texts = [
        f"{optimizer_label(name)}, {measured}: {caution}"
        for name, landscape in landscapes[value].items()
        for caution in cautions_of(landscape, epsilon)
    ]
    score = quantity_of(metric).name
    texts += [
        f"{optimizer_label(name)}, {score}: {caution}"
        for name, landscape in landscapes["score"].items()
        for caution in edge_cautions(landscape)
        if score != measured
    ]
    return [*texts, *map(str, window_cautions(landscapes[value]))]


def _doubts(landscapes: Iterable[Landscape]) -> list[str]:
    known = [each for each in landscapes if not each.empty]
    doubts = []
    if any(edge_cautions(each) for each in known):
        doubts.append("provisional: an optimum lies on the edge of its grid")
    if any(each.best_interval.indicative for each in known):
        doubts.append(f"indicative: fewer than {FEW} seeds")
    return doubts


def _metric(runs: pd.DataFrame) -> str:
    metrics = runs["metric"].dropna() if "metric" in runs else pd.Series()
    return str(metrics.iloc[0]) if len(metrics) else "score"


def _also_loss(metric: str, runs: pd.DataFrame) -> dict[Value, None]:
    """Whether there are losses next to the score, as keys of a dict."""
    losses = ["initial_loss", "final_loss"]
    if metric == "loss" or not set(losses) <= set(runs.columns):
        return {}
    return {} if runs[losses].isna().any(axis=1).all() else {"final_loss": None}


def _tasks(frame: pd.DataFrame, study: Mapping[str, Any]) -> list[str]:
    """Tasks that have records, in the order of the declaration."""
    recorded = sorted(frame["task"].unique().tolist())
    declared = [task for task in study.get("plans", {}) if task in recorded]
    return [*declared, *(task for task in recorded if task not in declared)]
