"""What TensorBoard's own code says of an exported study, without TensorFlow."""

import json
import subprocess
import sys

import pytest

from keras_lion import cli
from keras_lion.report import pictures
from keras_lion.report.file_names import run_folder_name
from keras_lion.report.tensorboard_export import FILE, Hyperparameter, write_tensorboard
from keras_lion.tuning.runs.files import RecordWriter

from ..robustness.made_up import run

HISTORY = {"epoch": [10, 20], "train_loss": [0.9, 0.2], "accuracy": [0.5, 0.9]}
EVIL = "../<script>alert(1)</script>"
# Asks what the HParams and the scalars dashboard ask the server.
QUESTIONS = """
import json
import sys

sys.modules["tensorflow"] = None
from keras_lion.report.tensorboard_export import write_tensorboard

write_tensorboard(sys.argv[1])
from tensorboard import context
from tensorboard.backend.event_processing import data_provider
from tensorboard.backend.event_processing import plugin_event_multiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin
from tensorboard.plugins.scalar.scalars_plugin import ScalarsPlugin
from werkzeug.test import Client

multiplexer = plugin_event_multiplexer.EventMultiplexer()
multiplexer.AddRunsFromDirectory(sys.argv[1])
multiplexer.Reload()
provider = data_provider.MultiplexerDataProvider(multiplexer, sys.argv[1])
tensorboard = TBContext(data_provider=provider)
hparams = HParamsPlugin(tensorboard).get_plugin_apps()
scalars = ScalarsPlugin(tensorboard)
request = {
    "startIndex": 0,
    "sliceSize": 1000,
    "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE"],
    "colParams": [{"hparam": "status", "filterDiscrete": ["ok", "diverged", "failed"]}],
}
tags = scalars.index_impl(context.RequestContext(), "")
answers = {
    "experiment": Client(hparams["/experiment"]).post("/", json={}).json,
    "groups": Client(hparams["/session_groups"]).post("/", json=request).json,
    "tags": tags,
    "curves": {
        name: scalars.scalars_impl(context.RequestContext(), tag, name, "", None)[0]
        for name in tags
        for tag in ["history/train_loss"]
        if tag in tags[name]
    },
}
print(json.dumps(answers))
"""


def records():
    failed = {"score": None, "final_loss": None, "floor": None}
    return [
        run(seed=0, history=HISTORY, test_score=0.88),
        run(
            seed=1,
            history={"epoch": [10], "train_loss": [None], "accuracy": [0.1]},
            status="diverged",
            reason="loss is not finite",
            score=0.1,
            final_loss=None,
        ),
        run("adamw", seed=0, status="failed", reason="out of memory", **failed),
        run("adamw", 3e-3, 0.3, task=EVIL, seed=0, key=EVIL, history=None),
    ]


def recorded(folder):
    folder.mkdir(exist_ok=True)
    writer = RecordWriter(folder)
    for record in records():
        writer.append(record)
    return folder


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = recorded(tmp_path_factory.mktemp("study"))
    result = subprocess.run(
        [sys.executable, "-c", QUESTIONS, str(folder)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_every_run_is_a_session_of_its_own_with_its_status(answers):
    groups = {group["name"]: group for group in answers["groups"]["sessionGroups"]}
    assert set(groups) == {record["key"] for record in records()}
    for record in records():
        group = groups[record["key"]]
        (session,) = group["sessions"]
        ok = record["status"] == "ok"
        assert session["status"] == ("STATUS_SUCCESS" if ok else "STATUS_FAILURE")
        assert session["endTimeSecs"] == record["seconds"]
        for name in ("status", "optimizer", "learning_rate", "weight_decay", "task"):
            assert group["hparams"][name] == record[name]


def test_metrics_are_the_results_of_the_run(answers):
    groups = {group["name"]: group for group in answers["groups"]["sessionGroups"]}
    metrics = {
        key: {each["name"]["tag"]: each["value"] for each in group["metricValues"]}
        for key, group in groups.items()
    }
    whole, diverged, failed, _ = (metrics[each["key"]] for each in records())
    assert whole["score"] == pytest.approx(0.9)
    assert whole["test_score"] == pytest.approx(0.88)
    assert diverged["score"] == pytest.approx(0.1)
    assert "final_loss" not in diverged
    assert "score" not in failed


def test_the_dashboard_lists_what_differs_with_its_domain(answers):
    known = {each["name"]: each for each in answers["experiment"]["hparamInfos"]}
    assert set(known) == {
        "optimizer",
        "learning_rate",
        "weight_decay",
        "seed",
        "status",
        "task",
    }
    assert known["learning_rate"]["domainDiscrete"] == [1e-3, 3e-3]
    assert known["status"]["domainDiscrete"] == ["diverged", "failed", "ok"]
    names = [each["name"]["tag"] for each in answers["experiment"]["metricInfos"]]
    assert names == ["score", "best_score", "final_loss", "test_score"]


def test_histories_are_scalars_over_steps(answers):
    # A loss that is not finite is no point of a curve, and least of all 0.
    (curve,) = answers["curves"].values()
    assert [step for _, step, _ in curve] == [160, 320]
    assert [value for _, _, value in curve] == pytest.approx([0.9, 0.2])
    assert [seconds for seconds, _, _ in curve] == [0.75, 1.5]
    stopped = [tags for name, tags in answers["tags"].items() if "seed1" in name]
    assert "history/accuracy" in stopped[0]


def test_folders_have_plain_names_whatever_the_task_is_called(tmp_path):
    target = write_tensorboard(recorded(tmp_path / "study"))
    assert target == tmp_path / "study" / "tensorboard"
    names = sorted(path.name for path in target.iterdir() if path.is_dir())
    assert len(names) == 4
    assert all(
        set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.-")
        and name[0] not in ".-"
        for name in names
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]
    assert run_folder_name(["…", ".."], "0" * 16) == "run-" + "0" * 16
    assert run_folder_name(["a"], "A") != run_folder_name(["a"], "a")


def test_a_second_export_is_the_same_and_replaces_only_its_own_files(tmp_path):
    folder = recorded(tmp_path / "study")
    target = write_tensorboard(folder)
    first = {path: path.read_bytes() for path in target.rglob(FILE)}
    stale = target / "lion-of-before" / FILE
    mine = target / "mine" / "events.out.tfevents.1.other"
    for path in (stale, mine):
        path.parent.mkdir()
        path.write_bytes(b"")
    write_tensorboard(folder)
    assert {path: path.read_bytes() for path in target.rglob(FILE)} == first
    assert not stale.parent.exists()
    assert mine.exists()


def test_a_folder_without_records(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run records"):
        write_tensorboard(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "domain"),
    [
        ([0.1, 0.0, 0.1], "Discrete([0.0, 0.1])"),
        ([*range(9)], f"Discrete({[float(i) for i in range(9)]})"),
        ([*range(10)], "RealInterval(0.0, 9.0)"),
        (["b", 1.0], "Discrete(['1.0', 'b'])"),
    ],
)
def test_domains(values, domain):
    assert repr(Hyperparameter.of("x", values).domain) == domain


def test_a_column_of_words_and_numbers_is_all_words():
    mixed = Hyperparameter.of("width", ["auto", 8])
    assert [mixed.value("auto"), mixed.value(8)] == ["auto", "8"]
    assert Hyperparameter.of("width", [4, 8]).value(8) == 8.0


def test_the_command_writes_it_where_it_is_asked_to(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pictures, "FIGURES", ())
    folder = recorded(tmp_path / "study")
    (folder / "study.json").write_text("{}", encoding="utf-8")
    assert cli.main(["report", str(folder)]) == 0
    assert not (folder / "tensorboard").exists()
    capsys.readouterr()
    assert cli.main(["report", str(folder), "--tensorboard"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"tensorboard --logdir {folder}"
    assert (folder / "tensorboard" / FILE).exists()
