import json
import re

import numpy as np
import pandas as pd
import pytest

from keras_lion.report.write import file_name, write_pages, write_report

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


def written(folder, frame, study=STUDY):
    path = write_pages(folder, frame, study, ENVIRONMENT)
    assert path == folder / "report.html"
    page = path.read_text(encoding="utf-8")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return page, summary


def test_a_whole_study(tmp_path):
    page, summary = written(tmp_path, study())
    answer = summary["tasks"]["digits"]["answer"]
    assert "0.05 nats" in answer
    assert "Lion's is wider by" in answer
    assert "indicative: fewer than 5 seeds" in answer
    assert "provisional" not in answer
    assert page.index("Lion&#39;s is wider") < page.index("<table>")
    assert page.count('src="data:image/png;base64,') == 2
    assert "packages keras" in page
    assert "prefers-color-scheme: dark" in page
    assert "Claim under test, declared before running: Lion tolerates more." in page
    table = pd.read_csv(tmp_path / "summary.csv")
    assert table["optimizer"].tolist() == ["lion", "adamw"]
    assert table["num_runs"].tolist() == [90, 90]
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == ["digits_heatmap.png", "digits_heatmap_loss.png"]


def test_the_page_needs_no_network_and_no_other_file(tmp_path):
    page, _ = written(tmp_path, study(size=3))
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert all(source.startswith("data:") for source in sources)
    assert "http" not in re.sub(r"base64,[^\"]*", "", page)


def test_every_text_is_escaped(tmp_path):
    evil = "<script>alert(1)</script>"
    frame = pd.DataFrame([run(task=evil, reason=evil, schedule=evil, key=evil)])
    page, _ = written(tmp_path, frame, STUDY | {"name": evil, "question": evil})
    assert "<script" not in page
    assert "&lt;script&gt;" in page


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
def test_incomplete_studies_still_give_a_report(tmp_path, frame):
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
    assert "too narrow to say which is wider" in answer
    assert "provisional" in answer


def test_an_undeclared_epsilon_and_several_tasks(tmp_path):
    frame = pd.concat([study(size=2), study(size=2).assign(task="A/b")])
    page, summary = written(tmp_path, frame)
    assert list(summary["tasks"]) == ["digits", "A/b"]
    assert any("A/b: the study declares no ε" in note for note in summary["notes"])
    assert len(list((tmp_path / "figures").iterdir())) == 4
    assert page.count('class="answer"') == 2


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
