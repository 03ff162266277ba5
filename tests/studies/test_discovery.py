"""The study of the search: its files hold what direct recomputation gives."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_lion.discovery import zoo
from keras_lion.discovery.language.abstract import live, redundancy
from keras_lion.discovery.language.behaviour import size_variation
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.search import evolution
from keras_lion.discovery.search.baselines import BUDGET_FACTOR
from keras_lion.discovery.search.checkpoint import SearchFolder
from keras_lion.discovery.search.evolution import Search
from keras_lion.discovery.search.meta_validation import best_at, overfitting_begins
from keras_lion.discovery.search.planted import PlantedFitness, hitting_time, variants
from keras_lion.discovery.search.search_state import SearchSettings
from keras_lion.statistics import t_interval
from studies import discovery_figures

FOLDER = Path(__file__).parents[2] / "studies"

pytestmark = pytest.mark.slow  # a search, and all that the study makes of it


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The study, its folders, all parts run once."""
    pytest.importorskip("sklearn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evolution, "WINDOW", 32)
        from studies import discovery

        work = tmp_path_factory.mktemp("discovery")
        discovery.main(["--preset", "smoke", "--work", str(work)])
        yield discovery, work / "smoke", work / "smoke" / "results"


@pytest.fixture
def study(made):
    return made[0]


@pytest.fixture
def judged(made):
    """What its tables say."""
    return importlib.import_module("studies.discovery_claims")


def table(made, name):
    return pd.read_csv(made[2] / f"{name}.csv")


def kept(made, name):
    return json.loads((made[2] / f"{name}.json").read_text(encoding="utf-8"))


def state(made, method, seed):
    return SearchFolder(made[1] / f"{method}-{seed}").state()


def test_claims_are_what_the_tables_give(made, study, judged):
    preset = study.PRESETS["smoke"]
    from_tables = {
        "screening": judged.screening_claims(table(made, "screening")),
        "search": judged.search_claims(table(made, "windows")),
        "baselines": judged.baseline_claims(
            table(made, "best_fitness"), preset.baseline_evaluations
        ),
        "planted": judged.planted_claims(table(made, "hitting_times")),
        "meta": judged.meta_claims(
            table(made, "meta_validation"), table(made, "meta_validation_of_constants")
        ),
        "speed": judged.speed_claims(table(made, "speed")),
    }
    for name, expected in from_tables.items():
        found = kept(made, name)
        assert found["claims"].keys() == expected.keys()
        for claim, numbers in expected.items():
            kept_claim = found["claims"][claim]
            assert (kept_claim["n"], kept_claim["unit"]) == (
                numbers["n"],
                numbers["unit"],
            )
            for number in ("value", "low", "high"):
                # Tables keep seven digits.
                expected_number = pytest.approx(numbers[number], rel=2e-3, abs=1e-5)
                assert kept_claim[number] == expected_number
        assert found["preset"]["children"] == preset.children


def test_windows_are_those_of_the_searches(made):
    frame = table(made, "windows")
    for seed, rows in frame.groupby("seed"):
        last, search = rows.iloc[-1], state(made, "evolution", seed)
        assert last["num_children"] == search.num_children == 320
        shares = [redundancy(each.program).loop_carried for each in search.population]
        assert last["redundancy"] == pytest.approx(np.mean(shares), rel=1e-5)
    claims = kept(made, "search")["claims"]
    shares = [
        1 - (each.num_evaluations - 1) / each.num_children
        for each in (state(made, "evolution", seed) for seed in (0, 1))
    ]
    assert claims["of_all_children.hit_rate"]["value"] == pytest.approx(
        t_interval(shares).estimate, abs=1e-4
    )


def test_thinned_windows_have_the_hit_rate_of_all_their_children(made, study):
    windows = state(made, "evolution", 0).windows
    rows = study.thinned(windows, points=5)
    assert [row["num_children"] for row in rows] == [64, 128, 192, 256, 320]
    for number, row in enumerate(rows):
        pair = windows[2 * number : 2 * number + 2]
        # All windows are of 32 children.
        assert row["hit_rate"] == pytest.approx(np.mean([w.hit_rate for w in pair]))
    assert study.thinned([]) == []


def test_baselines_have_their_budget_and_best_programs(made, study):
    budget = study.PRESETS["smoke"].baseline_evaluations
    frame = table(made, "best_fitness").set_index(["method", "seed", "evaluations"])
    for method in ("constants", "random"):
        search = state(made, method, 1)
        assert search.num_evaluations >= BUDGET_FACTOR * budget
        found = frame["best"][method, 1, BUDGET_FACTOR * budget]
        fitness = study.Study(study.PRESETS["smoke"], made[1], made[2]).fitness
        within = [
            each.individual.program
            for each in search.improvements
            if each.num_evaluations <= BUDGET_FACTOR * budget
        ]
        assert fitness(within[-1]) == pytest.approx(found, rel=1e-5)
    # Random search does not begin with AdamW's fitness, the others do.
    first = frame["best"][:, 1, 1]
    assert first["random"] == 0
    assert first["constants"] == first["evolution"] > 0


def test_hitting_times_are_those_of_the_searches(made):
    frame = table(made, "hitting_times")
    assert len(frame) == 2 * 2 * 4  # targets, seeds, variants with a cache
    settings = SearchSettings(seed=1, population=20)
    rows = frame[(frame["target"] == "signum") & (frame["seed"] == 1)]
    rows = rows.set_index("variant")
    uncached = variants(settings)["without cache"]
    found = hitting_time(PlantedFitness(zoo.SIGNUM), uncached, 200)
    assert rows["num_children"]["search"] == found.num_children
    assert rows["num_evaluations_without_cache"]["search"] == found.num_evaluations
    assert rows["num_evaluations"]["search"] < found.num_evaluations


def test_best_programs_are_judged_by_what_they_do(made):
    frame = table(made, "best_programs")
    names = {"both": "evolution", "embedding_bags": "embedding_bags"}
    assert set(frame["proxies"]) == set(names)
    for row in frame.itertuples():
        best = state(made, names[row.proxies], row.seed).best.program
        program = Program.parse(row.program)
        assert program.functional_hash == best.functional_hash
        assert len(program) == row.live_statements == len(live(best))
        assert row.size_variation == pytest.approx(size_variation(best), rel=1e-5)
        assert row.sign_like == (row.size_variation < 0.2)


def test_meta_validation_is_of_the_best_at_each_time(made, study):
    frame = table(made, "meta_validation")
    fitness = study.Study(study.PRESETS["smoke"], made[1], made[2]).fitness
    search, begins = state(made, "evolution", 1), []
    for row in frame[frame["seed"] == 1].itertuples():
        best = best_at(search, row.num_children)
        assert row.fitness == pytest.approx(best.fitness, rel=1e-5)
        larger = fitness.scaled(row.factor)
        scores = [larger.with_seed(seed)(best.program) for seed in (1000, 1001, 1002)]
        assert row.meta_fitness == pytest.approx(np.mean(scores), rel=1e-5)
    for _, rows in frame.groupby("seed"):
        begins.append(overfitting_begins([*rows.itertuples()]))
    claim = kept(made, "meta")["claims"]["x2.overfitting_begins"]
    assert claim["value"] == pytest.approx(np.mean(begins), rel=1e-3)


def test_divergence_on_a_larger_problem_counts_as_nothing_learned(judged):
    rows = [
        {"seed": seed, "factor": 10, "num_children": n, "fitness": n, "meta_fitness": m}
        for seed in (0, 1)
        for n, m in ((0, 0.25), (1, 0.5), (2, -np.inf))
    ]
    frame = pd.DataFrame(rows)
    tuned = frame.assign(fitness=0.5, meta_fitness=0.1)
    found = judged.meta_claims(frame, tuned)
    assert found["x1.lead"]["value"] == 2
    # Over that of the same seed at the end, where the other counts as 0.
    assert found["x1.lead_over_constants"]["value"] == 1.5
    assert found["x10.lead_over_constants"]["value"] == -0.1
    assert found["x10.lead"]["value"] == -0.25
    assert found["x10.best_lead"]["value"] == 0.25
    assert found["x10.overfitting_begins"]["value"] == 0.5


def test_rank_correlation(judged):
    first = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0])
    found = judged.rank_correlation(first, pd.Series([2.0, 1.0, 4.0, 3.0, 5.0]))
    assert found.estimate == pytest.approx(0.8)
    assert -1 < found.low < 0.8 < found.high < 1
    assert judged.rank_correlation(first, first**3).estimate == pytest.approx(1)
    constant = judged.rank_correlation(first, 0 * first)
    assert (constant.low, constant.high) == (-1, 1)


def test_a_second_run_searches_nothing_and_writes_the_same(
    made, study, tmp_path, monkeypatch
):
    copy = tmp_path / "smoke"
    shutil.copytree(made[1], copy)
    searched = []
    monkeypatch.setattr(Search, "_generation", lambda self: searched.append(self))
    monkeypatch.setattr(study, "hitting_time", None)
    monkeypatch.setattr(study, "screen", None)
    monkeypatch.setattr(study, "meta_curve", None)
    parts = [part for part in study.PARTS if part != "speed"]
    study.main([*parts, "--preset", "smoke", "--work", str(tmp_path)])
    assert not searched
    for part in (*parts, "windows", "best_fitness", "hitting_times"):
        for file in made[2].glob(f"{part}.*"):
            assert (copy / "results" / file.name).read_text() == file.read_text()


def test_an_unfinished_table_is_gone_on_with(made, study, tmp_path, monkeypatch):
    copy = tmp_path / "smoke"
    shutil.copytree(made[1], copy)
    file = copy / "hitting_times.csv"
    whole = file.read_text()
    file.write_text("\n".join(whole.splitlines()[:-2]) + "\n")
    study.main(["planted", "--preset", "smoke", "--work", str(tmp_path)])
    assert file.read_text() == whole


def test_figures_of_the_notebook_are_drawn_from_the_files(made):
    for name, figure in {
        "windows": discovery_figures.search_rates_figure,
        "best_fitness": discovery_figures.best_fitness_figure,
        "hitting_times": discovery_figures.hitting_times_figure,
        "meta_validation": discovery_figures.meta_validation_figure,
    }.items():
        drawn = figure(table(made, name))
        drawn.draw_without_rendering()
        assert all(ax.lines for ax in drawn.axes)


def test_results_of_small_runs_are_not_among_the_committed(made, study):
    names = {path.stem for path in made[2].iterdir()}
    assert names == {*study.PARTS, *TABLES}
    assert study.OUTPUT == FOLDER / "results" / "discovery"
    with pytest.raises(SystemExit):
        study.main(["nonsense", "--preset", "smoke", "--work", str(made[1])])


TABLES = (
    "windows",
    "best_fitness",
    "hitting_times",
    "best_programs",
    "meta_validation",
    "meta_validation_of_constants",
)
