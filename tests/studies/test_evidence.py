"""README, ledger and datasheet are what the public table gives, and outcomes follow."""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness import Landscape, misspecification
from keras_lion.robustness.verdict import outcome_of
from keras_lion.statistics import Interval
from keras_lion.tuning import load_runs
from studies.evidence import (
    collect,
    datasheet,
    ledger,
    main_claims,
    measured,
    optimum_claims,
    other_claims,
    page,
    readme,
    rerun,
    restore,
    runs,
    side_by_side,
    transfer_claims,
)

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "studies" / "results"
JUDGED = {
    "holds at this scale",
    "does not hold at this scale",
    "undecided",
    "provisional",
}


@pytest.fixture(scope="module")
def made():
    """The ledger, made anew from the committed results."""
    return ledger.entries()


def test_the_ledger_is_what_the_results_give(made):
    assert json.loads((RESULTS / "ledger.json").read_text("utf-8")) == made
    text = (ROOT / "studies" / "README.md").read_text("utf-8")
    assert text == page.page(made, RESULTS)


@pytest.mark.parametrize("name", readme.PAGES)
def test_pages_are_what_the_results_give(name):
    text = (ROOT / name).read_text("utf-8")
    assert readme.updated(text, readme.blocks(RESULTS, name)) == text


def test_one_table_stands_in_readme_ledger_and_notebook():
    table = side_by_side.table()
    for path in ("README.md", "studies/README.md"):
        assert table.strip() in (ROOT / path).read_text("utf-8"), path
    text = (ROOT / "notebooks" / "02_robustness_heatmaps.ipynb").read_text("utf-8")
    outputs = [
        "".join(output["data"].get("text/markdown", ""))
        for cell in json.loads(text)["cells"]
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    assert any(table.strip() in each for each in outputs)


def test_no_result_below_its_baseline_decides(made):
    weak = [
        each
        for entry in made
        for each in entry["measurements"]
        if each["baseline"] and "not better" in each["baseline"]
    ]
    assert {each["outcome"] for each in weak} == {"cannot be tested here"}
    # 234 steps of a language model, and 390 of a vision transformer.
    for task in ("python_lm", "fashion_mnist_vit"):
        assert any(each["where"].startswith(task) for each in weak)
        assert task not in {each.task for each in side_by_side.tested()}


def test_the_gap_of_a_joint_mistake_is_that_of_two_misspecifications():
    grid = bowl(-1.5, -0.5)
    cost = misspecification(grid, side_by_side.DECADES).regret
    # Twice as steep, twice as dear.
    steep = Landscape(grid.learning_rate, grid.weight_decay, 2 * grid.scores)
    gap = side_by_side.joint_gap(steep, grid)
    assert (gap.low, gap.high) == pytest.approx((cost, cost))
    assert side_by_side.joint_gap(grid, steep).estimate == pytest.approx(-cost)
    noisy = bowl(-1.5, -0.5, noise=0.05)
    assert side_by_side.joint_gap(noisy, grid).low < 0.02
    assert side_by_side.joint_gap(noisy, grid).high > -0.02


def test_the_headline_follows_from_the_intervals(monkeypatch):
    tasks = side_by_side.Tasks(["a", "b"], ["a", "b"], ["b"], [], ["a"], [])
    monkeypatch.setattr(side_by_side, "shown", lambda: tasks)
    gaps = [
        SimpleNamespace(
            task=task, epsilon=epsilon, loss_gap=Interval(0.03, 0.02, high, 5)
        )
        for task, epsilon, high in (("a", 0.05, 0.04), ("b", 0.05, 0.06))
    ]
    monkeypatch.setattr(side_by_side, "tested", lambda: gaps)
    text = side_by_side.headline()
    assert text == (
        "Lion's lowest loss is above AdamW's on every task (by less than 0.05 nats on "
        "a); it is more forgiving of wrong values on no task, and less on every task."
    )
    monkeypatch.setattr(side_by_side, "tested", lambda: gaps[1:])
    assert "on every task; it is" in side_by_side.headline()
    text = side_by_side.tolerance()
    assert "range of learning rates is alike on a and smaller on b" in text
    assert text.endswith("it loses more on a and no difference is shown on b")


def test_the_best_factor_is_chosen_on_other_seeds():
    losses = pd.DataFrame({0: [1.0, 1.0, 0.0], 1: [0.9, 0.9, 0.9]}, index=[5, 6, 7])
    found, chosen = transfer_claims.best_on_other_seeds(losses)
    assert chosen == [0, 0, 1]
    assert found.tolist() == [1.0, 1.0, 0.9]


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
            assert each["coverage"], each
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
    assert {each.shows for each in found} == {"not run yet"}


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
    for _, run in chosen.iterrows():
        declared = runs.declared(run["study"]).runs(run["task"], "full", run["backend"])
        assert run["key"] in {each.key for each in declared}


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


def test_an_interval_is_reported_with_its_own_coverage():
    table = pd.read_csv(RESULTS / "calibration" / "coverage.csv")
    best = table[table["quantity"].eq("best score") & table["used"] & table["n"].eq(6)]
    assert f"{best['coverage'].min():.1%}" in runs.hull_errors(6)
    assert "not simulated" in runs.hull_errors(6)
    assert "not calibrated" in runs.jackknife_errors(6)
    # Five seeds were not simulated: those of three are not passed off as them.
    assert runs.coverage("cell mean", 5).endswith(
        "n=3, the nearest to n=5 that was simulated"
    )
    assert runs.coverage("cell mean", 6).endswith("at n=6")


def test_no_outcome_rests_on_an_interval_known_to_cover_too_seldom(made):
    """All intervals of 95 % that decide cover nine times in ten or more."""
    for entry in made:
        for each in entry["measurements"]:
            for share in re.findall(r"covers ([\d.]+)%", each["coverage"]):
                assert float(share) >= 90, each


def test_a_rate_of_none_is_reported_with_what_it_may_be():
    text = runs.width_errors()
    assert "0 of 200 simulated studies (a rate of at most 1.9%)" in text
    assert "25 of 200 simulated studies (a rate of at most 17.8%)" in text


# Differences of few runs: two of them can be the same number.
COUNTS_OF_FEW = ("predictions", "search-finds-signs", "clipping-prevents-spikes")


def test_no_measurement_is_counted_twice(made):
    for entry in made:
        numbers = [
            (each["where"].split(",")[0], *each["number"].values())
            for each in entry["measurements"]
            if each["number"]
            and each["number"]["low"] != each["number"]["high"]
            and entry["claim"] not in COUNTS_OF_FEW
        ]
        assert len(numbers) == len(set(numbers)), entry["claim"]


NAME_TASKS_IN_WORDS = ("pace-predictions", "best-pace")


def test_every_task_that_is_to_be_repeated_has_a_row(made):
    """What the commands of a claim train is what its rows report."""
    for entry in made:
        if entry["claim"] in NAME_TASKS_IN_WORDS:
            continue
        rows = str(entry["measurements"])
        for command in entry["repeat"]:
            _, _, task = command.partition("--task ")
            assert not task or task.split()[0] in rows, command


def test_the_bare_update_judges_no_claim_on_training_steps():
    rows = other_claims.step_time()
    assert len(rows) == 6
    assert "on jax and " in other_claims.bare_update()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.03, 1.1, "supported"),
        (1.2, 1.3, "not supported"),  # faster than is claimed
        (0.9, 1.01, "not supported"),
        (1.0, 1.1, "underpowered"),
    ],
)
def test_a_claimed_range_holds_where_the_interval_lies_in_it(low, high, expected):
    middle = Interval((low + high) / 2, low, high, 21)
    assert measured.within(middle, *other_claims.FASTER) == expected


@pytest.mark.parametrize(
    ("outcomes", "several", "parts"),
    [
        (["supported", "supported"], "supported", "supported"),
        (["supported", "not supported"], "underpowered", "not supported"),
        (["supported", "underpowered"], "underpowered", "underpowered"),
        (["not supported", "underpowered"], "underpowered", "not supported"),
        (["not supported", "not supported"], "not supported", "not supported"),
        (["supported", "untestable"], "untestable", "untestable"),
        (["supported", "provisional"], "provisional", "provisional"),
    ],
)
def test_contradiction_is_open_and_a_claim_of_two_parts_needs_both(
    outcomes, several, parts
):
    assert measured.of_several(outcomes) == several
    assert measured.of_several(outcomes[::-1]) == several
    assert measured.every_part(outcomes) == parts


def bowl(rate, decay, *, seeds=4, noise=0.0, size=7):
    """Scores around an optimum at these powers of ten, between the cells."""
    rates, decays = np.linspace(-3, 0, size), np.linspace(-2, 1, size)
    mean = -((rates[None] - rate) ** 2) - (decays[:, None] - decay) ** 2
    scores = np.repeat(mean[..., None], seeds, axis=2)
    generator = np.random.default_rng(0)
    scores = scores + noise * generator.normal(size=scores.shape)
    return Landscape(10**rates, 10**decays, scores)


def test_the_ratio_of_two_optima_between_the_cells_is_found():
    first, second = bowl(-1.2, -0.6), bowl(-1.85, 0.1)
    ratio = optimum_claims.ratio_of_optima(first, second, "learning_rate")
    assert (ratio.low, ratio.high) == pytest.approx((0.65, 0.65))
    ratio = optimum_claims.ratio_of_optima(second, first, "weight_decay")
    assert ratio.estimate == pytest.approx(0.7)


def test_a_ratio_that_noise_decides_has_a_wide_interval_or_none():
    flat = bowl(-1.5, -0.5, noise=5.0)
    ratio = optimum_claims.ratio_of_optima(flat, bowl(-1.5, -0.5), "learning_rate")
    assert not ratio.high - ratio.low < 1
    edge = optimum_claims.ratio_of_optima(
        bowl(0.5, 0), bowl(-1.5, -0.5), "learning_rate"
    )
    assert math.isnan(edge.estimate)
    assert optimum_claims._outcome(edge) == "underpowered"


def test_the_ratio_of_decays_is_untestable_where_decay_is_inert(made):
    """As under the product law: what is inert there has no optimum here."""
    found = {entry["claim"]: entry["measurements"] for entry in made}
    inert = {
        each["where"].split(",")[0]
        for each in found["product-law"]
        if "decay is inert" in each["text"]
    }
    untestable = {
        each["where"]
        for each in found["smaller-lr-larger-decay"]
        if "ratio of λ means nothing" in str(each["reasons"])
    }
    assert inert
    assert untestable <= inert
    assert not inert & {
        each["where"]
        for each in found["smaller-lr-larger-decay"]
        if each["outcome"] == "holds at this scale"
    }


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
