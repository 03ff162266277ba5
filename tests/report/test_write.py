import base64
import hashlib
import html
import json
import re

import numpy as np
import pandas as pd
import pytest

from keras_lion.report import pictures
from keras_lion.report.figures import batch_size_curve
from keras_lion.report.file_names import file_name
from keras_lion.report.html import flat
from keras_lion.report.pictures import FIGURES, png_of
from keras_lion.report.write import write_pages, write_report
from keras_lion.tuning.runs.files import RecordWriter
from keras_lion.tuning.runs.records import TornRecordWarning

from ..robustness.made_up import run, study

STUDY = {
    "name": "lr_wd",
    "question": "Which one?",
    "plans": {"digits": {}},
    "comparison": {
        "statement": "Lion tolerates more.",
        "measure": "tolerance_width",
        "value": "final_loss",
        "epsilon": {"digits": 0.05},
    },
}
ENVIRONMENT = {"python": "3.11", "packages": {"keras": "3.12", "jax": None}}
# Its first bytes say that it is 1400 pixels wide and 700 high.
STAND_IN = b"\x89PNG" + bytes(12) + (1400).to_bytes(4, "big") + (700).to_bytes(4, "big")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Two kinds of figures, not turned into pixels, which takes most of the time."""
    monkeypatch.setattr(pictures, "png_of", lambda figure: STAND_IN)
    monkeypatch.setattr(pictures, "FIGURES", FIGURES[:2])


@pytest.fixture
def every_figure(quick, monkeypatch):
    monkeypatch.setattr(pictures, "FIGURES", FIGURES)


def data_of(page):
    """What the page's script reads."""
    found = re.search(r'id="run-data">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def written(folder, frame, study=STUDY):
    path = write_pages(folder, frame, study, ENVIRONMENT)
    assert path == folder / "report.html"
    page = path.read_text(encoding="utf-8")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return page, summary


def test_a_whole_study(tmp_path, every_figure, monkeypatch):
    monkeypatch.setattr(pictures, "png_of", png_of)
    page, summary = written(tmp_path, study())
    answer = summary["tasks"]["digits"]["answer"]
    assert "0.05 nats" in answer
    assert "(AdamW − Lion: " in answer
    assert "of the common best: Lion " in answer
    assert "of its own best: Lion " in answer
    assert "indicative: fewer than 5 seeds" in answer
    assert "provisional" not in answer
    assert page.index("of its own best") < page.index("<table>")
    verdict = summary["verdicts"][0]
    assert verdict["where"] == "digits"
    assert summary["tasks"]["digits"]["verdicts"][0]["claim"] == verdict["claim"]
    assert page.index(verdict["outcome"]) < page.index("of its own best")
    assert page.count('src="data:image/png;base64,') == 9
    assert "packages keras" in page
    assert "prefers-color-scheme: dark" in page
    assert "Claim under test, declared before running: Lion tolerates more." in page
    table = pd.read_csv(tmp_path / "summary.csv")
    assert table["optimizer"].tolist() == ["lion", "adamw"]
    assert table["num_runs"].tolist() == [90, 90]
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert len(names) == 9
    assert {"digits_heatmap.png", "digits_heatmap_loss.png"} < set(names)


def test_the_page_needs_no_network_and_no_other_file(tmp_path):
    page, _ = written(tmp_path, study(size=3))
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    # runs.csv is a link, which nothing follows by itself.
    assert {each for each in sources if not each.startswith("data:")} <= {"runs.csv"}
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page


def test_the_policy_allows_the_script_of_the_page_alone(tmp_path):
    page, _ = written(tmp_path, study(size=2))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    script = re.search(r"<script>(.*?)</script>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in html.unescape(policy)


def test_every_text_is_escaped(tmp_path):
    evil = "</script><script>alert(1)</script>"
    frame = pd.DataFrame([run(task=evil, reason=evil, schedule=evil, key=evil)])
    page, _ = written(tmp_path, frame, STUDY | {"name": evil, "question": evil})
    assert page.count("<script") == page.count("</script") == 2
    assert "&lt;script&gt;" in page
    assert data_of(page)["rows"][0][0] == evil


def test_all_runs_are_in_the_page_and_in_the_file(tmp_path):
    frame = study(size=2)
    frame["history"] = [{"loss": [1.0]}] * len(frame)
    frame["width"] = [8, 16] * (len(frame) // 2)
    frame.loc[0, "score"] = np.nan
    other = frame.assign(preset="pilot", epochs=5, key=frame["key"] + "-pilot")
    both = pd.concat([frame, other[:3]], ignore_index=True)
    page, _ = written(tmp_path, both)
    data = data_of(page)
    assert len(data["rows"]) == len(both)
    assert data["choices"] == ["optimizer", "status", "preset"]
    rows = [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]
    assert [row["key"] for row in rows] == both["key"].tolist()
    assert rows[0]["score"] is None
    assert [row["width"] for row in rows] == both["width"].tolist()
    assert [row["epochs"] for row in rows] == both["epochs"].tolist()
    rates = [row["learning_rate"] for row in rows]
    assert rates == pytest.approx(both["learning_rate"].tolist(), rel=1e-5)
    kinds = dict(zip(data["columns"], data["numeric"], strict=True))
    assert kinds["score"]
    assert not kinds["reason"]
    assert "beta_2" not in kinds  # one value of each optimizer
    table = pd.read_csv(tmp_path / "runs.csv")
    assert table["key"].tolist() == both["key"].tolist()
    assert set(table) == set(both) - {"history"}
    assert table["final_loss"].to_numpy() == pytest.approx(
        both["final_loss"].to_numpy(), nan_ok=True
    )


def test_failed_runs_and_unreadable_records_are_said(tmp_path):
    frame = study(size=2)
    frame.loc[:1, ["status", "reason"]] = ["failed", "out of memory"]
    _, summary = written(tmp_path, frame)
    optimizer = {"adamw": "AdamW", "lion": "Lion"}[frame["optimizer"][0]]
    assert (
        f"{optimizer}: 2 runs failed, and count as missing. The first error: "
        "out of memory" in summary["tasks"]["digits"]["cautions"]
    )
    writer = RecordWriter(tmp_path)
    writer.append(run())
    with writer.path.open("a") as file:
        file.write('{"key": "cut in ha')
    (tmp_path / "study.json").write_text(json.dumps(STUDY), encoding="utf-8")
    with pytest.warns(TornRecordWarning, match="line 2, cannot be read"):
        path = write_report(tmp_path)
    assert "line 2, cannot be read" in path.read_text(encoding="utf-8")


def test_the_methods_say_grids_seeds_budget_and_what_was_fixed(tmp_path):
    frame = study(size=3)
    page, _ = written(tmp_path, frame)
    text = html.unescape(page)
    assert "Lion: 3 learning rates from 1e-4 to 0.01 × 4 weight decays" in text
    assert "(beta_1 = 0.9, beta_2 = 0.99)" in text
    assert "Seeds: 3 in every cell." in text
    assert "20 epochs, 320 steps of 64 examples, from 1024 training examples" in text
    assert "in all 72 runs and 1.8 minutes of training." in text
    page, _ = written(tmp_path, frame[:-1])
    assert "Seeds: 2 to 3 in a cell." in page


def test_environments_of_before_are_rows_too():
    nested = {"python": "3.11", "earlier": [{"packages": {"keras": None}}], "x": []}
    assert flat(nested) == {"python": "3.11", "earlier 1 packages keras": "–"}


@pytest.mark.parametrize(
    "frame",
    [
        study(optimizers=("lion",)),
        study().query("weight_decay == 0"),
        study().sample(frac=0.4, random_state=0),
        study(seeds=1, size=2),
        study(size=3).assign(status="diverged", score=0.1, final_loss=np.nan),
        study(size=2).assign(status="failed", score=np.nan, final_loss=np.nan),
        pd.DataFrame([run(), run("adamw", status="failed", score=np.nan)]),
        study(size=3).assign(metric="loss").eval("score = -final_loss"),
    ],
    ids=[
        "one optimizer",
        "no decay only",
        "missing cells",
        "one seed",
        "all diverged",
        "all failed",
        "one optimizer failed",
        "loss as metric",
    ],
)
def test_incomplete_studies_still_give_a_report(tmp_path, every_figure, frame):
    if (frame["metric"] == "loss").all():
        diverged = frame["status"] == "diverged"
        frame.loc[diverged, "score"] = -frame["initial_loss"]
        frame["floor"] = -frame["initial_loss"]
    page, summary = written(tmp_path, frame)
    assert summary["tasks"]["digits"]["answer"]
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page).lower()


def test_what_is_said_when_nothing_trained(tmp_path):
    nothing = study(size=3).assign(status="diverged", score=0.1, final_loss=np.nan)
    _, summary = written(tmp_path, nothing)
    assert "Every run diverged" in summary["tasks"]["digits"]["answer"]
    table = pd.read_csv(tmp_path / "summary.csv")
    assert table["width_decades"].isna().all()  # none within ε of the common best
    assert (table["own_width_decades"] == 0).all()
    failed = study(size=2).assign(status="failed", score=np.nan)
    _, summary = written(tmp_path, failed)
    assert "No run has finished" in summary["tasks"]["digits"]["answer"]


def test_a_narrow_grid_decides_nothing(tmp_path):
    frame = pd.DataFrame(
        [
            run(optimizer, rate, seed=seed)
            for optimizer in ("lion", "adamw")
            for rate in (1e-3, 1e-2)
            for seed in range(5)
        ]
    )
    _, summary = written(tmp_path, frame)
    answer = summary["tasks"]["digits"]["answer"]
    assert "Lion ≥ 1.00 decades and AdamW ≥ 1.00 decades" in answer
    verdict = summary["verdicts"][0]
    assert verdict["outcome"] == "untestable"
    assert "reach an end of their grids" in verdict["reasons"][0]
    assert "provisional" in answer


def test_a_batch_size_study_has_a_figure_over_all_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "FIGURES", [batch_size_curve.FIGURE])
    parts = [study(size=3).assign(batch_size=size) for size in (32, 128)]
    frame = pd.concat(parts, ignore_index=True)
    page, _ = written(tmp_path, frame)
    assert "digits: all conditions" in page
    (tmp_path / "some").mkdir()
    write_pages(tmp_path / "some", frame, STUDY, {}, drawings=["batch_size"])
    names = [path.name for path in (tmp_path / "some" / "figures").iterdir()]
    assert names == ["digits_batch_size.png"]


def test_an_undeclared_epsilon_and_several_tasks(tmp_path):
    frame = pd.concat([study(size=2), study(size=2).assign(task="A/b")])
    page, summary = written(tmp_path, frame)
    assert list(summary["tasks"]) == ["digits", "A/b"]
    assert any("A/b: the study declares no ε" in note for note in summary["notes"])
    names = [path.name for path in (tmp_path / "figures").iterdir()]
    assert len([name for name in names if name.endswith("_heatmap.png")]) == 2
    assert page.count('class="answer"') == 2


def test_a_comparison_that_was_changed_after_the_runs_is_said_first(tmp_path):
    first = {**STUDY["comparison"], "epsilon": {"digits": 0.1}}
    page, summary = written(
        tmp_path, study(size=2), {**STUDY, "first_comparison": first}
    )
    assert "epsilon of digits 0.1 → 0.05" in summary["notes"][0]
    assert "epsilon of digits 0.1 → 0.05" in page


def test_several_presets(tmp_path):
    pilot = study(size=2).assign(preset="pilot", epochs=5)
    frame = pd.concat([study(size=3), pilot], ignore_index=True)
    _, summary = written(tmp_path, frame)
    assert "this report reads standard" in summary["notes"][0]
    assert summary["tasks"]["digits"]["optimizers"][0]["num_runs"] == 36


def test_a_run_that_two_presets_share_counts(tmp_path):
    frame = study(size=3)
    frame.loc[:4, "preset"] = "pilot"
    _, summary = written(tmp_path, frame)
    runs = [row["num_runs"] for row in summary["tasks"]["digits"]["optimizers"]]
    assert runs == [36, 36]


def test_file_names():
    assert file_name("mnist1d_mlp") == "mnist1d_mlp"
    names = [file_name(name) for name in ("../a", "a", "A", "a b", "ä", "…", "x" * 300)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_-]{1,70}", name) for name in names)


def test_reads_a_folder(tmp_path):
    records = study(size=2).to_dict("records")
    lines = [
        json.dumps({k: None if v != v else v for k, v in record.items()})
        for record in records
    ]
    (tmp_path / "runs-0.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(FileNotFoundError):
        write_report(tmp_path)
    (tmp_path / "study.json").write_text(json.dumps(STUDY), encoding="utf-8")
    first = write_report(tmp_path).read_bytes()
    assert write_report(tmp_path).read_bytes() == first
    assert b"Not recorded." in first


def test_pairs_of_betas_compete_in_one_report(tmp_path):
    frame = study(size=2, seeds=1)
    others = frame[frame["optimizer"] == "lion"].assign(beta_2=0.98)
    others["key"] = others["key"] + "b"
    both = pd.concat([frame.assign(beta_2=0.99), others], ignore_index=True)
    _, summary = written(tmp_path, both)
    rows = summary["tasks"]["digits"]["optimizers"]
    named = {row["optimizer"] for row in rows}
    assert {"lion 0.9/0.98", "lion 0.9/0.99", "adamw"} <= named


def test_of_two_backends_the_commoner_one_is_read(tmp_path):
    frame = study(size=2, seeds=1)
    again = frame.head(1).assign(backend="jax", key="again", score=0.99)
    page, summary = written(tmp_path, pd.concat([frame, again], ignore_index=True))
    assert "backends jax, tensorflow: this report reads tensorflow" in page
    best = [row["score"] for row in summary["tasks"]["digits"]["optimizers"]]
    assert max(best) < 0.99


def test_figures_that_no_longer_apply_are_removed(tmp_path):
    figures = tmp_path / "figures"
    frame = study(size=3)
    written(tmp_path, frame)
    drawn = {each.name for each in figures.iterdir()}
    (figures / "mine.png").write_bytes(b"")
    write_pages(tmp_path, frame, STUDY, ENVIRONMENT, drawings=["heatmap"])
    left = {each.name for each in figures.iterdir()}
    assert left == {"digits_heatmap.png", "mine.png"}
    assert "digits_heatmap_loss.png" in drawn
