"""The section of a report on one task under one condition."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from keras_lion.report import text
from keras_lion.report.decay_maps import DecayMap, decay_map
from keras_lion.report.elements.drawing import Material
from keras_lion.report.elements.style import in_order, optimizer_label
from keras_lion.report.html import Section
from keras_lion.report.pictures import pictures_of
from keras_lion.report.table import cells, headings, verdict_texts
from keras_lion.robustness.cautions.cautions import ranked_cautions
from keras_lion.robustness.cautions.edge_cautions import edge_cautions
from keras_lion.robustness.comparison import compare_best
from keras_lion.robustness.effective_decay.explained import explained_sentence
from keras_lion.robustness.frames.quantity import metric_of as metric_of
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.frames.runs import MISSING
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.robustness.study_verdicts import law_verdicts
from keras_lion.robustness.summary import OptimizerSummary, summarize, task_optimizers
from keras_lion.robustness.verdict import Verdict
from keras_lion.robustness.wording import counted
from keras_lion.statistics import FEW, Interval
from keras_lion.tuning.study.extension import Extension


def section_of(
    runs: pd.DataFrame,
    title: str,
    value: Value,
    epsilon: float,
    *,
    decided: Sequence[Verdict],
    paired: bool,
    law: bool = True,
    drawings: Collection[str] | None,
    extended: Iterable[Extension] = (),
) -> tuple[Section, list[OptimizerSummary], list[Verdict], DecayMap | None]:
    """The section on runs that share a condition, its summaries, verdicts and map.

    Rows of status `missing` are declared runs without a record.
    `decided` are the verdicts on the declared comparison that were reached here;
    `paired` says whether runs of one seed share what the seed decides, `law` whether to
    ask if lr × λ alone explains the score, `extended` how far the study's grid was
    extended already.
    """
    task = str(runs["task"].iloc[0])
    optimizers = in_order(task_optimizers(runs, task))
    metric = metric_of(runs)
    recorded = runs[runs["status"] != MISSING]
    score, measured = quantity_of_runs(runs), quantity_of_runs(runs, value)
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
    cautions = ranked_cautions(
        landscapes,
        runs,
        value=value,
        epsilon=epsilon,
        label=optimizer_label,
        failures=text.failures(runs, optimizers),
        extended=extended,
    )
    verdicts = [
        *decided,
        # Nobody asked imported runs whether lr × λ alone explains the score.
        *(
            law_verdicts(recorded, task=task, epsilon=epsilon, value=value)
            if paired and law
            else []
        ),
    ]
    section = Section(
        task=title,
        answer=text.answer(
            rows,
            measured,
            epsilon=epsilon,
            difference=_difference(list(landscapes[value].values())),
            notes=_doubts(landscapes[value].values(), len(runs) - len(recorded)),
        ),
        scores=text.best_scores(rows, score),
        methods=text.methods(runs, measured, epsilon=epsilon, paired=paired),
        headings=headings(score, measured),
        rows=[cells(row, score, measured) for row in rows],
        cautions=cautions,
        verdicts=[verdict_texts(each) for each in verdicts],
        explained=explained_sentence(
            runs, optimizers, value="score", label=optimizer_label
        )
        if paired
        else "",
        pictures=pictures_of(
            Material(title, task, metric, value, epsilon, runs, landscapes), drawings
        ),
    )
    return section, rows, verdicts, decay_map(runs, title, landscapes["score"], "score")


def _difference(landscapes: Sequence[Landscape]) -> Interval | None:
    """Difference of the best of two optimizers; None where it is not known."""
    if len(landscapes) != 2 or any(each.empty for each in landscapes):
        return None
    try:
        return compare_best(*landscapes).difference
    except ValueError:  # an interrupted sweep lacks seeds of some cells
        return None


def _doubts(landscapes: Iterable[Landscape], missing: int) -> list[str]:
    known = [each for each in landscapes if not each.empty]
    doubts = []
    if missing:
        doubts.append(f"provisional: {counted(missing, 'declared run')} missing")
    elif any(edge_cautions(each) for each in known):
        doubts.append("provisional: an optimum lies on the edge of its grid")
    if any(each.best_interval.indicative for each in known):
        doubts.append(f"indicative: fewer than {FEW} seeds")
    return doubts


def _also_loss(metric: str, runs: pd.DataFrame) -> dict[Value, None]:
    """Whether there are losses next to the score, as keys of a dict."""
    losses = ["initial_loss", "final_loss"]
    if metric == "loss" or not set(losses) <= set(runs.columns):
        return {}
    return {} if runs[losses].isna().any(axis=1).all() else {"final_loss": None}
