"""README, ledger and datasheet are what the public table gives, and outcomes follow."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness.verdict import outcome_of
from keras_lion.statistics import Interval
from keras_lion.tuning import load_runs
from studies.evidence import (
    collect,
    datasheet,
    ledger,
    main_claims,
    measured,
    readme,
    rerun,
    restore,
    runs,
)

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "studies" / "results"
JUDGED = {"supported", "not supported", "underpowered", "provisional"}


@pytest.fixture(scope="module")
def made():
    """The ledger, made anew from the committed results."""
    return ledger.entries()


def test_the_ledger_is_what_the_results_give(made):
    assert json.loads((RESULTS / "ledger.json").read_text("utf-8")) == made
    assert (ROOT / "studies" / "README.md").read_text("utf-8") == ledger.page(
        made, RESULTS
    )


@pytest.mark.parametrize("page", readme.PAGES)
def test_pages_are_what_the_results_give(page):
    text = (ROOT / page).read_text("utf-8")
    blocks = readme.blocks(RESULTS)
    chosen = {name: blocks[name] for name in readme.PAGES[page]}
    assert readme.updated(text, chosen) == text


def test_the_datasheet_is_what_the_table_gives():
    assert (RESULTS / "DATASHEET.md").read_text("utf-8") == datasheet.text()


def test_pandas_reads_the_public_table_in_three_lines():
    table = pd.read_csv(RESULTS / "runs.csv.gz")
    assert table["key"].is_unique
    assert set(table["status"]) <= {"ok", "diverged"}
    assert len(table) == len(runs.all_runs())


def test_every_measurement_says_how_sure_it_is(made):
    """n and an interval, or an exact count; and how often its analysis errs."""
    for entry in made:
        for each in entry["measurements"]:
            if each["outcome"] not in JUDGED:
                continue
            assert each["errors"] or each["number"] is None, each
            assert "n=" in each["text"] or each["number"] is None, each


def test_every_study_of_the_ledger_exists(made):
    for entry in made:
        if entry["study"]:
            assert (ROOT / "studies" / entry["study"]).is_file()


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (Interval(0.2, 0.1, 0.3, 6), "supported"),
        (Interval(-0.2, -0.3, -0.1, 6), "not supported"),
        (Interval(0.0, -0.02, 0.02, 6), "not supported"),  # too small to matter
        (Interval(0.2, -0.1, 0.5, 6), "underpowered"),
        (Interval(0.2, 0.1, 0.3, 2), "provisional"),
    ],
)
def test_outcomes_follow_from_the_interval(interval, expected):
    assert outcome_of(interval, margin=0.05)[0] == expected


def test_disagreeing_windows_and_edges_make_an_outcome_provisional():
    clear = Interval(0.2, 0.1, 0.3, 6)
    found, reasons = outcome_of(clear, margin=0.05, windows=0.5)
    assert (found, len(reasons)) == ("provisional", 1)
    assert outcome_of(clear, margin=0.05, windows=0.9)[0] == "supported"
    found, reasons = outcome_of(clear, margin=0.05, limited=["an edge"])
    assert (found, reasons) == ("provisional", ("an edge",))
    # What is open stays open, whatever the windows say.
    wide = Interval(0.2, -0.1, 0.5, 6)
    assert outcome_of(wide, margin=0.05, windows=0.1)[0] == "underpowered"


def test_intervals_are_written_with_a_minus_and_their_n():
    text = measured.written(Interval(-0.5, -1.0, 0.25, 4), "nats")
    assert text == "−0.50 [−1.00, 0.25] nats (n=4)"


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(-1, 1, True), (2, 3, False), (0, 3, None)]
)
def test_a_prediction_is_open_where_the_interval_leaves_its_bounds(low, high, expected):
    middle = Interval((low + high) / 2, low, high, 5)
    assert measured.between(middle, -1.5, 1.5) is expected


def test_runs_that_are_not_there_are_said_to_be_missing(monkeypatch):
    empty = runs.all_runs().iloc[:0]
    monkeypatch.setattr(runs, "all_runs", lambda: empty)
    found = main_claims.less_sensitive()
    assert {each.outcome for each in found} == {"not run yet"}


def test_one_run_less_is_not_a_complete_study(monkeypatch):
    frame = runs.all_runs()
    study, task = "effective_decay", "exact_465"
    assert runs.is_complete(study, task)
    chosen = frame["study"].eq(study) & frame["task"].eq(task)
    one = frame.index[chosen][0]
    monkeypatch.setattr(runs, "all_runs", lambda: frame.drop(index=one))
    assert not runs.is_complete(study, task)


def test_runs_of_an_earlier_form_of_a_study_stay_and_are_marked():
    table, (study, task) = runs.all_runs(), ("effective_decay", "mnist1d_constant")
    assert (table["study"].eq(study) & table["task"].eq(task)).any()
    assert not runs.is_declared(study, task)
    assert runs.is_declared(study, "exact_465")
    assert f"| {study} | {task} (*earlier*) |" in datasheet.text()
    assert f"| {study} | exact_465 |" in datasheet.text()


@pytest.mark.parametrize("studies", [[], ["effective_decay"]])
def test_runs_that_nothing_declares_are_not_trained_again(studies):
    chosen = rerun.chosen(studies)
    assert (chosen["study"] == "effective_decay").any()
    for study, task in zip(chosen["study"], chosen["task"], strict=True):
        assert runs.is_declared(study, task)


def test_collecting_from_another_machine_keeps_what_is_known_of_the_first(tmp_path):
    def folder(name, **known):
        place = tmp_path / name
        place.mkdir()
        text = json.dumps({"backend": "jax", "data": {name: "hash"}} | known)
        (place / "environment.json").write_text(text)
        (place / "study.json").write_text('{"execution": {}}')
        return place

    first = folder("first", commit="a", earlier=[{"commit": "0"}])
    for place in (first, folder("second", commit="b"), folder("third", commit="b")):
        collect.keep_environment(place, tmp_path)
    kept = json.loads((tmp_path / "environment-jax.json").read_text())
    assert kept["commit"] == "b"
    assert [each["commit"] for each in kept["earlier"]] == ["0", "a"]
    assert set(kept["data"]) == {"first", "second", "third"}


def test_collecting_adds_what_is_new_and_changes_nothing_else(tmp_path, monkeypatch):
    known = runs.all_runs().head(5)
    new = runs.all_runs().iloc[5:7].assign(study="mine")
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "environment.json").write_text('{"backend": "jax", "data": {}}')
    (folder / "study.json").write_text('{"execution": {"t": {"threads": 1}}}')
    monkeypatch.setattr(collect, "load_runs", lambda _: new)
    table = tmp_path / "runs.csv.gz"
    collect.save_table(known, table)
    assert collect.collect([folder], table) == 2
    both = collect.load_table(table).set_index("key")
    kept = both.loc[known["key"], "score"].to_numpy(float)
    np.testing.assert_array_equal(kept, known["score"].to_numpy(float))
    assert collect.collect([folder], table) == 0
    kept = json.loads((tmp_path / "mine" / "environment-jax.json").read_text())
    assert kept["execution"] == {"t": {"threads": 1}}


def test_the_block_of_the_datasheet_runs_from_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    [block] = datasheet.text().split("```python\n")[1:]
    exec(block.split("```")[0], {})


def test_restored_runs_are_not_trained_again(tmp_path):
    """A sweep in the folder finds them, with the scores of the table."""
    count = restore.restore("betas", tmp_path / "again")
    found = load_runs(tmp_path / "again").set_index("key")
    table = runs.all_runs()
    table = table[table["study"] == "betas"].set_index("key")
    assert len(found) == count == len(table)
    np.testing.assert_array_equal(found["score"], table.loc[found.index, "score"])
    wanted = runs.declared("betas").runs("mnist1d_mlp", "full", "jax")
    assert {run.key for run in wanted} <= set(found.index)
    with pytest.raises(FileExistsError, match="holds run records already"):
        restore.restore("betas", tmp_path / "again")
    with pytest.raises(ValueError, match="no runs of 'nothing'"):
        restore.restore("nothing", tmp_path / "other")


def test_the_noise_of_a_run_is_that_of_its_own_cell(monkeypatch):
    """Cells that differ in batch size or betas alone are other cells."""
    cell = {"study": "s", "task": "t", "preset": "full", "optimizer": "lion"}
    cell |= {"learning_rate": 0.1, "weight_decay": 1.0, "beta_1": 0.9, "noise": None}
    frame = pd.DataFrame(
        [
            cell | {"beta_2": beta_2, "batch_size": size, "score": score}
            for beta_2, size, score in [
                (0.99, 16, 0.5),
                (0.99, 16, 0.7),
                (0.99, 64, 9.0),
                (0.98, 16, -9.0),
            ]
        ]
    )
    monkeypatch.setattr(rerun, "all_runs", lambda: frame)
    assert rerun.noise(frame.iloc[0]) == pytest.approx(np.std([0.5, 0.7], ddof=1))


def test_an_interval_is_told_with_its_own_coverage():
    table = pd.read_csv(RESULTS / "calibration" / "coverage.csv")
    narrow = table[table["interval"].eq("t, at the best cell") & table["n"].eq(6)]
    assert f"{narrow['coverage'].min():.1%}" in runs.best_cell_errors(6)
    assert "not calibrated" in runs.jackknife_errors(6)


def test_the_gain_of_a_row_is_that_of_the_best_rows_over_common_rates():
    def runs_of_rows(rows, column):
        return pd.DataFrame(
            {"learning_rate": rate, "seed": seed, "final_loss": loss + seed / 100}
            | {column: value}
            for value, losses in rows.items()
            for rate, loss in losses.items()
            for seed in range(3)
        )

    fixed_decay = runs_of_rows(
        {0.1: {1e-3: 1.0, 1e-2: 0.5, 1e-1: 2.5}, 1.0: {1e-3: 0.9, 1e-2: 0.9, 1e-1: 1}},
        "weight_decay",
    )
    fixed_product = runs_of_rows(
        {1e-3: {1e-3: 3.0, 1e-2: 3.0}, 1e-2: {1e-3: 0.7, 1e-2: 0.6}}, "product"
    )
    fixed_product["weight_decay"] = (
        fixed_product["product"] / fixed_product["learning_rate"]
    )
    gain, rates = main_claims.row_gain(fixed_decay, fixed_product)
    assert rates.tolist() == pytest.approx([1e-3, 1e-2])
    # Rows of 0.5 and 0.6 at their best: 0.25 above it on the one, 0.05 on the other.
    assert gain.estimate == pytest.approx(0.25 - 0.05)
    assert gain.n == 3
