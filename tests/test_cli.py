"""The command: what it prints, where it ends, and its one-line errors."""

from __future__ import annotations

import io
import json
import re
import warnings
from pathlib import Path

import pytest
from rich.console import Console

from keras_lion import cli
from keras_lion.messages import one_line_warnings
from keras_lion.progress import PLAIN_LINES, SweepDisplay, sweep_display
from keras_lion.tuning.runs.records import load_runs
from keras_lion.tuning.runs.table import load_table
from keras_lion.tuning.study.study_file import load_study_file
from keras_lion.tuning.sweep.preparation import Progress

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("heatmaps_only")
STUDY = """
from tests.tuning.tiny import tiny_plan, tiny_study

STUDY = tiny_study(tiny_plan((1e-3, 1e-2), (0.0, 0.1), epochs=8, seeds=2))
"""
PARTS = """
import dataclasses
from tests.tuning.tiny import tiny_plan, tiny_study

small = tiny_plan((1e-2, 2e-2), (0.1,), epochs=4, optimizers=("lion",))
STUDY = tiny_study(small)
plans = {"smoke": small, "full": dataclasses.replace(small, seeds=3)}
STUDY = dataclasses.replace(STUDY, plans={"blobs": plans})
"""
SMALL = """
from tests.tuning.tiny import tiny_plan, tiny_study

STUDY = tiny_study(
    tiny_plan((1e-2, 2e-2), (0.1,), epochs=2, optimizers=("lion",), seeds=1)
)
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    file = tmp_path_factory.mktemp("studies") / "tiny.py"
    file.write_text(STUDY)
    return str(file)


@pytest.fixture(scope="module")
def output(study, tmp_path_factory):
    """The folder of a study that has run."""
    folder = tmp_path_factory.mktemp("output")
    assert cli.main(["run", study, "--preset", "smoke", "--output", str(folder)]) == 0
    return folder


def lines(folder):
    return (folder / "runs-0.jsonl").read_text().splitlines()


def test_list(study, tmp_path, capsys):
    folder = study.rpartition("/")[0]
    assert cli.main(["list", folder]) == 0
    out = capsys.readouterr().out
    assert "mnist1d_mlp, mnist1d_invariant, digits_mlp" in out
    assert "smoke, standard, full, pilot" in out
    assert f"\n{study}\n    Does it run?\n    blobs: smoke 16 runs\n" in out


def test_list_of_one_file(study, capsys):
    assert cli.main(["list", study]) == 0
    assert capsys.readouterr().out.endswith("blobs: smoke 16 runs\n")


def test_list_names_the_files_that_cannot_be_read(study, tmp_path, capsys):
    (tmp_path / "a.py").write_text("STUDY = 1 / 0\n")
    (tmp_path / "b.py").write_text("STUDY = (\n")
    (tmp_path / "c.py").write_bytes(b"# \xe9\n")
    (tmp_path / "d.py").mkdir()
    (tmp_path / "tiny.py").write_text(STUDY)
    assert cli.main(["list", str(tmp_path)]) == 2
    out, errors = capsys.readouterr()
    a, b = tmp_path / "a.py", tmp_path / "b.py"
    assert f"{a}, line 1 cannot be read as a study: ZeroDivisionError" in out
    assert f"{b}, line 1 cannot be read as a study: SyntaxError" in out
    assert "blobs: smoke 16 runs" in out
    assert (
        errors == f"keras-lion: Correct these files, for the reasons above: {a}, {b}.\n"
    )


def test_list_of_a_folder_without_studies(tmp_path, capsys):
    assert cli.main(["list", str(tmp_path)]) == 0
    assert "has a module-level STUDY" in capsys.readouterr().out


def test_run_ends_with_a_table_and_the_report(study, output, capsys):
    capsys.readouterr()
    assert cli.main(["run", study, "--preset", "smoke", "--output", str(output)]) == 0
    out, errors = capsys.readouterr()
    assert errors == ""
    text = out.splitlines()
    diverged = (load_runs(output)["status"] == "diverged").sum()
    assert text[:2] == [
        "16 runs declared, 16 finished earlier and skipped, 0 to run",
        f"0 runs executed, 16 skipped, {diverged} diverged, 0 failed",
    ]
    title = text.index("blobs")
    sentences = text[title + 1 : title + 3]
    assert [line.split()[0] for line in sentences] == ["Lion", "AdamW"]
    head = text[title + 4]
    for name in (
        "optimizer",
        "validation accuracy (%)",
        "learning rate",
        "weight decay",
        "own width",
        "mean regret (nats)",
        "diverged",
        "test accuracy (%)",
    ):
        assert name in head
    assert "task" not in head
    means = load_runs(output).groupby(["optimizer", "learning_rate", "weight_decay"])
    best = means["score"].mean().groupby("optimizer").max()
    for line, row in zip(sentences, text[title + 5 : title + 7], strict=True):
        name, score = line.split()[0], f"{100 * best[line.split()[0].lower()]:.1f}"
        assert f"reaches {score} % validation accuracy (mean of 2 seeds) at " in line
        assert row.split()[:2] == [name, score]
        assert "…" not in row
        assert row.count("(n=2") == 2  # validation and test
        assert " of 8 " in row
    (verdict,) = [k for k, line in enumerate(text) if ": Lion is wider" in line]
    assert text[verdict].partition(":")[0] == "UNTESTABLE"
    assert text[verdict + 1].startswith("  ")  # why
    assert max(len(line) for line in text[title:-1]) <= cli.WIDTH
    assert text[-1] == f"report: {output / 'report.html'}"
    assert (output / "report.html").is_file()


def test_run_looks_at_the_test_set_for_the_selected_cells_only(output):
    frame = load_runs(output)
    tested = frame[frame["test_score"].notna()]
    assert len(frame) == 16
    assert sorted(tested["optimizer"]) == ["adamw", "adamw", "lion", "lion"]
    for _, runs in tested.groupby("optimizer"):
        assert len(runs[["learning_rate", "weight_decay"]].drop_duplicates()) == 1
        best = frame[frame["optimizer"] == runs["optimizer"].iloc[0]]
        means = best.groupby(["learning_rate", "weight_decay"])["score"].mean()
        assert runs["score"].mean() == pytest.approx(means.max())
    assert len(lines(output)) == 16 + 4


def test_report(output, capsys):
    for name in ("report.html", "summary.csv", "summary.json"):
        (output / name).unlink(missing_ok=True)
    assert cli.main(["report", str(output)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == f"report: {output / 'report.html'}"
    assert (output / "summary.csv").is_file()
    assert list(json.loads((output / "summary.json").read_text())["tasks"]) == ["blobs"]


def test_only_trains_one_run_and_shows_its_record(study, output, capsys):
    key = json.loads(lines(output)[0])["key"]
    before = len(lines(output))
    arguments = ["run", study, "--preset", "smoke", "--output", str(output)]
    assert cli.main([*arguments, "--only", key]) == 0
    out = capsys.readouterr().out
    assert "1 runs declared, 1 to run" in out
    score = load_runs(output).set_index("key").loc[key, "score"]
    assert f"validation accuracy: {100 * score:.1f} %. The record, whose" in out
    assert "report:" not in out
    assert len(lines(output)) == before + 1


def test_dry_run_counts_and_records_nothing(study, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", study, "--preset", "smoke", "--dry-run"]) == 0
    out = capsys.readouterr().out
    folder = "results/tiny-smoke"
    assert f"blobs, preset smoke: 0 recorded in {folder}, 16 missing." in out
    assert re.search(r"take about [\d.]+ seconds here .* for compiling\.", out)
    assert out.endswith("Nothing was recorded.\n")
    assert list(tmp_path.iterdir()) == []


def test_dry_run_counts_recorded_runs_apart(study, output, capsys):
    arguments = ["run", study, "--preset", "smoke", "--output", str(output)]
    assert cli.main([*arguments, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"16 runs of task blobs, preset smoke: 16 recorded in {output}, 0 missing.",
        "Nothing was recorded.",
    ]


def test_dry_run_counts_configurations_that_differ_in_what_is_read(
    tmp_path, monkeypatch, capsys
):
    file = tmp_path / "layers.py"
    file.write_text(
        "from keras_lion.tuning import Axis\n"
        "from tests.tuning.sweep.test_axes import a_study\n"
        "axes = (Axis('layers', (1, 2)), Axis('units_1', (4, 8)))\n"
        "STUDY = a_study(axes, ('lion',))\n"
    )
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", str(file), "--preset", "smoke", "--dry-run"]) == 0
    assert "3 runs of task blobs, preset smoke" in capsys.readouterr().out


def test_an_only_preset_needs_no_name(study, capsys):
    assert cli.main(["run", study, "--dry-run"]) == 0
    assert "16 runs of task blobs, preset smoke" in capsys.readouterr().out


def test_a_larger_grid_is_kept_until_it_is_dropped(study, tmp_path, capsys):
    run = ["run", study, "--dry-run", "--output", str(tmp_path)]
    (tmp_path / "study.json").write_text(
        json.dumps({"extended": {"blobs": {"smoke": ["learning_rate=up:1"]}}})
    )
    assert cli.main(run) == 0
    out = capsys.readouterr().out
    assert (
        "--extend learning_rate=up:1 (to drop one: --extend learning_rate=up:0)" in out
    )
    assert "16 runs" not in out
    assert cli.main([*run, "--extend", "learning_rate=up:0"]) == 0
    out = capsys.readouterr().out
    assert "to drop one" not in out
    assert "16 runs" in out


def test_the_default_folder_is_that_of_study_and_preset(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = []
    monkeypatch.setattr(cli, "_sweep", lambda *arguments: found.append(arguments[2]))
    monkeypatch.setattr(cli, "_report_on", lambda *arguments: None)
    assert cli.main(["run", study, "--preset", "smoke"]) == 0
    assert [str(folder) for folder in found] == ["results/tiny-smoke"]


TWO = """
from dataclasses import replace
from tests.tuning.tiny import tiny_plan, tiny_study, tiny_task

one, two = tiny_study(), tiny_task("balls")
plan = tiny_plan((1e-2, 1e-1), (0.1, 1.0), seeds=1)
STUDY = replace(
    one,
    plans={"blobs": {"smoke": plan}, "balls": {"smoke": plan}, "odd": {"full": plan}},
    tasks={**one.tasks, "balls": two, "odd": tiny_task("odd")},
)
"""


def test_several_tasks_are_run_into_one_report(tmp_path, capsys):
    file, folder = tmp_path / "two.py", tmp_path / "out"
    file.write_text(TWO)
    run = ["run", str(file), "--output", str(folder), "--task", "balls", "--task"]
    assert cli.main([*run, "blobs"]) == 0
    text = capsys.readouterr().out
    assert "task 1 of 2: balls" in text
    assert "task 2 of 2: blobs" in text
    assert text.count("report: ") == 1
    assert list(json.loads((folder / "summary.json").read_text())["tasks"]) == [
        "blobs",
        "balls",
    ]
    runs = load_runs(folder)
    assert runs.groupby("task").size().to_dict() == {"balls": 8, "blobs": 8}
    assert set(runs.loc[runs["test_score"].notna(), "task"]) == {"balls", "blobs"}
    assert (folder / "figures" / "tasks_decay_maps.png").is_file()


def test_several_tasks_are_refused_where_there_can_be_one(
    tmp_path, monkeypatch, capsys
):
    file = tmp_path / "two.py"
    file.write_text(TWO)
    run = ["run", str(file), "--output", str(tmp_path / "out"), "--task", "blobs"]
    assert "belongs to one task" in error_of(capsys, *run, "balls", "--only", "key")
    assert "smoke of blobs, full of odd" in error_of(capsys, *run, "odd")
    unknown = error_of(capsys, *run, "nothing", "--preset", "smoke")
    assert "no task 'nothing'" in unknown
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "8000")
    assert "share the runs of one task" in error_of(capsys, *run, "balls")
    assert not (tmp_path / "out").exists()


def test_a_preset_that_shares_runs_selects_among_all_of_them(tmp_path, capsys):
    file, folder = tmp_path / "parts.py", tmp_path / "out"
    file.write_text(PARTS)
    for preset in ("smoke", "full"):
        arguments = ["run", str(file), "--preset", preset, "--output", str(folder)]
        assert cli.main(arguments) == 0
    assert "6 runs declared, 4 finished earlier and skipped" in capsys.readouterr().out
    assert load_runs(folder)["test_score"].notna().sum() == 3  # all seeds of a cell


def test_extend_trains_only_what_the_larger_grid_adds(tmp_path, capsys):
    file, folder = tmp_path / "small.py", tmp_path / "out"
    file.write_text(SMALL)
    run = ["run", str(file), "--preset", "smoke", "--output", str(folder)]
    assert cli.main(run) == 0
    first = load_runs(folder)
    assert cli.main([*run, "--extend", "learning_rate=up:1"]) == 0
    out = capsys.readouterr().out
    assert "3 runs declared, 2 finished earlier and skipped, 1 to run" in out
    both = load_runs(folder)
    assert sorted(both["learning_rate"]) == [0.01, 0.02, 0.04]
    assert set(first["key"]) < set(both["key"])
    declared = json.loads((folder / "study.json").read_text())["plans"]["blobs"]
    (axis,) = [
        each
        for each in declared["smoke"]["spaces"]["lion"]["axes"]
        if each["name"] == "learning_rate"
    ]
    assert axis["values"] == [0.01, 0.02, 0.04]


# --- errors ---


def error_of(capsys, *arguments):
    """The one line that a wrong command prints."""
    try:
        status = cli.main(list(arguments))
    except SystemExit as end:
        status = end.code
    out, errors = capsys.readouterr()
    assert status == 2
    assert errors.startswith("keras-lion: ")
    assert errors.count("\n") == 1
    assert "Traceback" not in out + errors
    return errors


def test_wrong_arguments_give_one_line(study, output, tmp_path, capsys):
    smoke = ["run", study, "--preset", "smoke", "--output"]
    for arguments, message in (
        ([], "required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["lst"], "invalid choice: 'lst'. Did you mean list? Choose list, run, report"),
        (["--backend", "jax", "run"], "--backend is no command: the command comes"),
        (["run", study, "--worker", "2", "--out", "x", "--sed", "1"], "option --sed"),
        (["list", study, "more"], "unexpected: more (see keras-lion list --help)"),
        (["run"], "required: study"),
        (["run", study, "--preset", "quick"], "invalid choice: 'quick'"),
        (["run", study, "--backend", "numpy"], "invalid choice: 'numpy'"),
        (["run", str(tmp_path / "no.py")], "There is no study file"),
        (
            ["run", study, "--preset", "full", "--output", str(tmp_path)],
            "no preset 'full'",
        ),
        ([*smoke, str(tmp_path), "--task", "digits"], "no task 'digits'"),
        ([*smoke, str(output), "--only", "nothing"], "has the key 'nothing'"),
        (["run", study, "--preset", "full", "--dry-run"], "no preset 'full'"),
        (["run", study, "--executor", "scan"], "invalid choice: 'scan'"),
        (["run", study, "--workers", "0"], "whole number of 1 or more, received '0'"),
        (["run", study, "--population", "many"], "of 1 or more, received 'many'"),
        ([*smoke, str(output), "--only", "a", "--workers", "2"], "1 for a single run"),
        ([*smoke, str(output), "--extend", "seed=up"], "axis 'seed' to extend. The"),
        (
            [*smoke, str(output), "--extend", "learning_rate"],
            "learning_rate=up:2 (0 to",
        ),
        (["report", str(tmp_path)], "holds no run records"),
        (["report", str(tmp_path / "no")], "holds no run records"),
        (["list", str(tmp_path / "no")], "There is no folder"),
        (["run", str(ROOT / "studies" / "memory.py")], "python studies/memory.py"),
        (["run", str(ROOT / "studies" / "claims.py")], "Received: none. docs/studies"),
    ):
        assert message in error_of(capsys, *arguments), arguments


def test_the_folder_of_another_study_is_refused(output, tmp_path, capsys):
    file = tmp_path / "other.py"
    file.write_text(
        "from tests.tuning.tiny import tiny_study\nSTUDY = tiny_study(name='other')\n"
    )
    arguments = ["run", str(file), "--preset", "smoke", "--output", str(output)]
    assert "holds study 'tiny', not 'other'" in error_of(capsys, *arguments)


def test_an_interrupt_says_how_to_go_on(study, tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_sweep", interrupt)
    assert (
        cli.main(["run", study, "--preset", "smoke", "--output", str(tmp_path)]) == 130
    )
    assert "the same command resumes from here" in capsys.readouterr().err


def test_a_broken_task_is_one_line(tmp_path, capsys):
    file = tmp_path / "broken.py"
    file.write_text(
        "from tests.tuning.tiny import tiny_study, tiny_task\n"
        "def model():\n"
        "    raise RuntimeError('one\\ntwo')\n"
        "STUDY = tiny_study(task=tiny_task(model=model))\n"
    )
    arguments = ["run", str(file), "--preset", "smoke", "--output", str(tmp_path / "x")]
    assert "RuntimeError: one (broken.py, line 3)" in error_of(capsys, *arguments)


def test_a_fault_of_ours_is_one_line_too(monkeypatch, capsys):
    def fail(_):
        raise KeyError("what\nelse")

    monkeypatch.setattr(cli, "_convert", fail)
    message = error_of(capsys, "convert", "--lr", "1")
    assert "unexpected KeyError: " in message
    assert "KERAS_LION_TRACEBACK=1" in message
    monkeypatch.setenv("KERAS_LION_TRACEBACK", "1")
    with pytest.raises(KeyError):
        cli.main(["convert", "--lr", "1"])


def test_a_warning_is_one_line():
    before = warnings.formatwarning
    with one_line_warnings():
        text = warnings.formatwarning("of two\nlines", UserWarning, "file.py", 1)
    assert text == "warning: of two lines\n"
    assert warnings.formatwarning is before


def test_failures_are_told_again_at_the_end(study, tmp_path, monkeypatch, capsys):
    from keras_lion.tuning.engine.executors import Executor

    run, failing = Executor.run, []

    def some_fail(self, specifications, *, test=False):
        records = run(self, specifications, test=test)
        if len(failing) < 2:
            reason = "Traceback\nRuntimeError: [why]\n"
            records[0] |= {"status": "failed", "score": None, "reason": reason}
            failing.append(records[0]["key"])
        return records

    monkeypatch.setattr(Executor, "run", some_fail)
    arguments = ["run", study, "--preset", "smoke", "--output", str(tmp_path)]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out.splitlines()
    (start,) = [k for k, line in enumerate(out) if line.endswith("diverged, 2 failed")]
    assert out[start + 1].startswith("2 runs failed and count as missing")
    assert out[start + 2 : start + 4] == [
        f"  run {key} failed: RuntimeError: [why]" for key in failing
    ]


def test_a_worker_leaves_test_set_and_report_to_the_end(
    study, output, monkeypatch, capsys
):
    for name, value in (("TUNER_ID", "gpu0"), ("ORACLE_PORT", "1"), ("ORACLE_IP", "x")):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    # All runs are recorded, so that it asks no chief for any.
    assert cli.main(["run", study, "--preset", "smoke", "--output", str(output)]) == 0
    out = capsys.readouterr().out
    assert "'gpu0' is done. When all are, give the same command without" in out
    assert "report:" not in out


# --- the display ---


def ended(number, total, skipped=0, **record):
    record = {
        "key": str(number),
        "optimizer": "lion",
        "status": "ok",
        "metric": "accuracy",
        "score": 0.5,
        "learning_rate": 1e-3,
        "weight_decay": 0.1,
        "reason": None,
        **record,
    }
    return Progress(total, skipped, number, record)


def display_lines(*reports, terminal=False):
    file = io.StringIO()
    with sweep_display(Console(file=file, force_terminal=terminal, width=200)) as show:
        for report in reports:
            show(report)
    return show, file.getvalue().splitlines()


def test_plain_lines_say_where_a_sweep_stands():
    show, shown = display_lines(
        Progress(5, 2, 0, None),
        ended(1, 5, 2, score=0.25),
        ended(2, 5, 2, status="diverged", score=0.9, optimizer="adamw"),
        ended(3, 5, 2, score=0.75, learning_rate=1e-2),
    )
    assert shown[0] == "5 runs declared, 2 finished earlier and skipped, 3 to run"
    assert [line.split()[0] for line in shown[1:]] == ["3/5", "4/5", "5/5"]
    assert "0 diverged" in shown[1]
    best = "best validation accuracy of a run so far: Lion 25.0 % (lr 0.001, wd 0.1)"
    assert shown[1].endswith(best)
    assert "1 diverged" in shown[2]
    assert "AdamW" not in shown[2]  # the score of a diverged run is no best
    assert shown[3].endswith("Lion 75.0 % (lr 0.01, wd 0.1)")
    assert "0:00 left" in shown[3]
    assert (show.done, show.skipped, show.diverged, show.failed) == (3, 2, 1, 0)


def test_what_earlier_sweeps_found_counts():
    earlier = [
        ended(0, 0, score=0.875).record,
        ended(0, 0, status="diverged", score=0.1).record,
    ]
    show, shown = display_lines(
        Progress(3, 2, 0, None, earlier), ended(1, 3, 2, score=0.5)
    )
    assert (
        "1 diverged · best validation accuracy of a run so far: Lion 87.5 %"
        in (shown[-1])
    )
    assert (show.diverged, show.failed) == (1, 0)


def test_a_worse_run_does_not_replace_the_best():
    show, _ = display_lines(
        Progress(2, 0, 0, None), ended(1, 2, score=-1.0), ended(2, 2, score=-2.0)
    )
    assert show.best["lion"]["score"] == -1.0


def test_losses_are_shown_as_losses():
    _, shown = display_lines(
        Progress(1, 0, 0, None), ended(1, 1, metric="loss", score=-1.5)
    )
    assert "best validation loss of a run so far: Lion 1.500 nats (lr" in shown[-1]


def test_a_long_sweep_has_few_lines_and_a_last_one():
    _, shown = display_lines(
        Progress(1001, 0, 0, None), *(ended(k, 1001) for k in range(1, 1002))
    )
    assert len(shown) <= PLAIN_LINES + 2
    assert shown[-1].startswith("1001/1001 ")


def test_a_failure_is_shown_at_once_with_its_last_line():
    reason = "Traceback ...\n  [file]\nValueError: [red]why[/red]\n"
    _, shown = display_lines(
        Progress(100, 0, 0, None),
        ended(1, 100, status="failed", score=None, reason=reason),
    )
    assert shown[1:] == ["run 1 failed: ValueError: [red]why[/red]"]


def test_a_terminal_has_a_bar():
    show, shown = display_lines(
        Progress(3, 1, 0, None), ended(1, 3, 1), ended(2, 3, 1), terminal=True
    )
    assert show.bar is not None
    assert show.bar.tasks[0].completed == show.bar.tasks[0].total == 3
    assert "3/3" in "".join(shown)


def test_the_display_without_a_terminal_has_no_bar():
    assert SweepDisplay(Console(file=io.StringIO())).bar is None


# --- calibrate, import ---


def test_calibrate_prints_error_rates(capsys):
    assert cli.main(["calibrate", "--draws", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("A/A, planted, flat") for line in lines)
    assert all(line.rstrip().endswith(("ok", "NOT KEPT")) for line in lines)


def test_calibrate_compares_a_study_with_itself(tmp_path, capsys):
    table = load_table(ROOT / "studies" / "results" / "runs.csv.gz")
    study = load_study_file(ROOT / "studies" / "learning_rate_weight_decay.py")
    keys = {run.key for run in study.runs("mnist1d_mlp", "standard", "tensorflow")}
    runs = table[table["key"].isin(keys)].drop(columns=["noise", "history"])
    assert len(runs) == len(keys)
    runs.to_json(tmp_path / "runs-0.jsonl", orient="records", lines=True)
    (tmp_path / "study.json").write_text(json.dumps(study.declaration()))
    command = ["calibrate", str(tmp_path), "--draws", "2", "--seeds", "3"]
    assert cli.main(command) == 0
    out = capsys.readouterr().out
    assert "A/A, resampled seeds of adamw" in out
    assert "A/A, resampled seeds of lion" in out


def test_import_makes_a_study_of_other_runs(tmp_path, capsys):
    source = tmp_path / "runs.csv"
    source.write_text("rate,wd,opt,acc\n1e-3,0.1,lion,0.8\n1e-2,0.1,lion,0.9\n")
    arguments = ["import", str(source), "--output", str(tmp_path / "out")]
    arguments += ["--map", "learning_rate=rate", "score=acc", "optimizer=opt"]
    arguments += ["--set", "task=mine", "--direction", "max", "--epsilon", "0.02"]
    assert cli.main(arguments) == 0
    assert "keras-lion report" in capsys.readouterr().out
    runs = load_runs(tmp_path / "out")
    assert runs["score"].tolist() == [0.8, 0.9]
    assert set(runs["task"]) == {"mine"}
    assert cli.main(["report", str(tmp_path / "out")]) == 0
    assert "mine" in capsys.readouterr().out


def test_import_says_what_an_assignment_looks_like(capsys):
    with pytest.raises(SystemExit):
        cli.main(["import", "x.csv", "--output", "y", "--map", "learning_rate"])
    assert "NAME=VALUE, received 'learning_rate'" in capsys.readouterr().err
