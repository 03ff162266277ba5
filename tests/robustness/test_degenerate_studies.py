"""What is said of studies with hardly any runs: no NaN, no "1 seeds", no loss < 0."""

from __future__ import annotations

import io
import json
import re
import warnings
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from keras_lion.last_screen import print_summary
from keras_lion.report.write import write_pages
from keras_lion.tuning.runs.files import RecordWriter
from keras_lion.tuning.study.comparison import MEASURES
from tests.robustness.made_up import run

NEVER = re.compile(
    r"\bnan\b|\binf\b|(?-i:\bNone\b)|\b0 of 0\b|\[nan|-0\.0*\b(?!\d)|"
    r"\b1 (points|seeds|decades|runs|cells|values|optimizers|windows|columns|degrees"
    r"|epochs|steps|examples)\b",
    re.IGNORECASE,
)
# A loss and an accuracy as they are stated; a difference of two may be negative.
STATED = re.compile(r"(?:Best|reaches) validation \w+(?: \([^)]*\))?:? [^(;.]*?(-\d)")


class Text(HTMLParser):
    """The text of a page before its table of all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.skipped = 0

    def handle_starttag(self, tag, attrs):
        self.skipped += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.skipped -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.skipped:
            self.parts.append(data)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def said(folder, frame, comparison):
    """Everything that the report, its summary and the last screen say."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("runs-*.jsonl"):
        old.unlink()
    writer = RecordWriter(folder)
    for record in frame.to_dict("records"):
        writer.append({**record, "history": {}})
    study = {"name": "x", "plans": {"digits": {}}, "comparison": comparison}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = write_pages(folder, frame, study, {}, drawings=[])
    file = io.StringIO()
    print_summary(folder, None, Console(file=file, width=1000))
    text = Text()
    text.feed(page.read_text(encoding="utf-8").split('id="runs"')[0])
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return [
        *strings(summary),
        *(part for part in text.parts if part.strip()),
        *file.getvalue().splitlines(),
    ]


@st.composite
def studies(draw):
    """Records of up to three optimizers on tiny grids, and a declared comparison."""
    metric = draw(st.sampled_from(["accuracy", "loss"]))
    kind = draw(st.sampled_from(["noisy", "equal", "diverged", "failed"]))
    seeds = draw(st.integers(1, 2))
    rates = 10.0 ** -np.arange(draw(st.integers(1, 3)), 0, -1)
    decays = draw(st.sampled_from([[0.0], [0.1], [0.0, 0.1], [0.01, 0.1, 1.0]]))
    names = draw(st.sampled_from([["lion"], ["adamw", "lion"], ["a", "b", "lion"]]))
    moved = draw(st.sampled_from([1.0, 7.0]))  # disjoint axes
    generator = np.random.default_rng(draw(st.integers(0, 9)))
    records = []
    for number, name in enumerate(names):
        for decay in decays:
            for rate in rates:
                for seed in range(seeds):
                    noise = 0.0 if kind == "equal" else generator.uniform(0, 0.99)
                    alone = kind == "failed" and name != "lion"
                    status = "failed" if alone else "ok"
                    status = "diverged" if kind == "diverged" else status
                    loss, accuracy = 0.01 + noise, 1.0 - noise
                    score = accuracy if metric == "accuracy" else -loss
                    records.append(
                        run(
                            name,
                            rate * moved**number,
                            decay,
                            seed,
                            metric=metric,
                            status=status,
                            floor=0.1 if metric == "accuracy" else -2.3,
                            score=np.nan if alone else score,
                            final_loss=np.nan if status != "ok" else loss,
                            test_score=score if rate == rates[0] else np.nan,
                            reason=None if status == "ok" else "it broke",
                        )
                    )
    measures = ["tolerance_width", "best_score", "best_score_kept", "mean_regret"]
    comparison = {
        "statement": "",
        "measure": draw(st.sampled_from(measures)),
        "value": draw(st.sampled_from(["score", "final_loss"])),
        "epsilon": {"digits": draw(st.sampled_from([0.01, 0.05, 1.0]))},
    }
    return pd.DataFrame(records), comparison


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(studies())
def test_no_number_that_cannot_be(tmp_path, drawn):
    frame, comparison = drawn
    for text in said(tmp_path / "study", frame, comparison):
        assert not NEVER.search(text), text
        assert not STATED.search(text), text
    table = pd.read_csv(tmp_path / "study" / "summary.csv")
    for name in ("score", "test_score"):
        ends = table[[f"{name}_low", name, f"{name}_high"]]
        least, most = (0, 1) if frame["metric"][0] == "accuracy" else (-np.inf, 0)
        assert not (ends < least).any(axis=None)
        assert not (ends > most).any(axis=None)
    # No optimizer is left out.
    assert set(table["optimizer"]) == set(frame["optimizer"])


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_on_one_run(tmp_path, measure):
    frame = pd.DataFrame([run("adamw"), run("lion")])
    comparison = {"statement": "", "measure": measure, "epsilon": {"digits": 0.05}}
    if "change" in measure or "shrinkage" in measure:
        comparison["between"] = {"sizes": [{"batch_size": 64}, {"batch_size": 64}]}
    for text in said(tmp_path / "study", frame, comparison):
        assert not NEVER.search(text), text
