"""Studies: exactly the declared runs, their order, and what their keys depend on."""

import dataclasses
import itertools
import json
from collections import Counter

import numpy as np
import pytest

from keras_lion.tuning import Axis, SearchSpace, Study
from keras_lion.tuning.study import Schedule
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.study import PRESETS, Comparison
from keras_lion.tuning.study.study_file import find_study_files, load_study_file
from tests.tuning.tiny import BETAS, tiny_plan, tiny_study, tiny_task

RUN = RunSpecification(
    study="study",
    preset="smoke",
    task="task",
    optimizer="lion",
    learning_rate=1e-3,
    weight_decay=0.1,
    beta_1=0.9,
    beta_2=0.99,
    batch_size=16,
    seed=0,
    epochs=2,
    evaluate_every=1,
    schedule=Schedule(),
    train_examples=None,
    validation_examples=None,
    metric="accuracy",
    target=0.9,
    backend="jax",
)
OTHER = {
    "study": "other",
    "task": "other",
    "optimizer": "adamw",
    "learning_rate": 1.1e-3,
    "weight_decay": 0.0,
    "beta_1": 0.95,
    "beta_2": 0.999,
    "batch_size": 32,
    "seed": 1,
    "epochs": 4,
    "evaluate_every": 2,
    "schedule": Schedule(decay="constant"),
    "train_examples": 100,
    "validation_examples": 50,
    "metric": "loss",
    "target": 0.5,
    "backend": "tensorflow",
    "steps": 30,
    "extra": (("units", 8),),
}


def test_the_key_does_not_depend_on_the_preset():
    assert dataclasses.replace(RUN, preset="full").key == RUN.key


def test_the_key_depends_on_everything_else():
    fields = {field.name for field in dataclasses.fields(RunSpecification)}
    assert set(OTHER) == fields - {"preset"}
    keys = {dataclasses.replace(RUN, **{name: v}).key for name, v in OTHER.items()}
    keys.add(dataclasses.replace(RUN, schedule=Schedule(warmup=0.1)).key)
    assert len(keys | {RUN.key}) == len(OTHER) + 2


def test_the_key_is_pinned():
    # Another value and no recorded run is ever skipped again.
    assert RUN.key == "8d81f4320420bf0a"
    extra = (("units", 8), ("width", 0.5))
    other = dataclasses.replace(RUN, extra=extra, steps=30, epochs=None)
    assert other.key == "4decec1f5d8b6ad0"


def test_columns_are_what_the_record_needs():
    columns = RUN.columns()
    assert columns["key"] == RUN.key
    assert columns["schedule"] == "cosine, warm-up 0.05"
    assert columns["preset"] == "smoke"
    json.dumps(columns)


def grid_study(rates=5, decays=5, seeds=2, name="tiny"):
    axes = (
        Axis.geometric("weight_decay", centre=1, ratio=3, num=decays, zero=True),
        Axis.geometric("learning_rate", centre=1e-2, ratio=3, num=rates),
    )
    spaces = {name: SearchSpace(axes, BETAS[name]) for name in ("adamw", "lion")}
    plan = dataclasses.replace(tiny_plan(), spaces=spaces, seeds=seeds)
    return tiny_study(plan, name=name)


def test_exactly_the_declared_runs():
    study = grid_study()
    plan = study.plan("blobs", "smoke")
    runs = study.runs("blobs", "smoke", "jax")
    assert plan.num_runs == len(runs) == 5 * 6 * 2 * 2
    assert len({run.key for run in runs}) == len(runs)
    found = {(r.optimizer, r.learning_rate, r.weight_decay, r.seed) for r in runs}
    space = plan.spaces["lion"]
    assert found == set(
        itertools.product(
            ("adamw", "lion"),
            space.axis("learning_rate").values,
            space.axis("weight_decay").values,
            (0, 1),
        )
    )
    for run in runs:
        assert {"beta_1": run.beta_1, "beta_2": run.beta_2} == BETAS[run.optimizer]
        assert (run.batch_size, run.epochs, run.backend) == (16, 2, "jax")


def test_a_plan_may_set_its_own_batch_size():
    study = tiny_study(tiny_plan(batch_size=60))
    assert {run.batch_size for run in study.runs("blobs", "smoke", "jax")} == {60}


def test_whole_numbers_and_floats_are_one_configuration():
    runs = [
        tiny_study(tiny_plan((1, 2), (0, 3))).runs("blobs", "smoke", "jax"),
        tiny_study(tiny_plan((1.0, 2.0), (0.0, 3.0))).runs("blobs", "smoke", "jax"),
        tiny_study(tiny_plan(tuple(np.float64([1, 2])), (0.0, 3.0))).runs(
            "blobs", "smoke", "jax"
        ),
    ]
    keys = [[run.key for run in some] for some in runs]
    assert keys[0] == keys[1] == keys[2]


def test_the_order_is_always_the_same_and_not_that_of_the_grid():
    study = grid_study()
    runs = study.runs("blobs", "smoke", "jax")
    assert runs == grid_study().runs("blobs", "smoke", "jax")
    by_grid = sorted(
        runs, key=lambda r: (r.optimizer, r.weight_decay, r.learning_rate, r.seed)
    )
    assert runs != by_grid
    other = grid_study(name="other").runs("blobs", "smoke", "jax")
    assert [(r.optimizer, r.learning_rate, r.seed) for r in runs] != [
        (r.optimizer, r.learning_rate, r.seed) for r in other
    ]


def test_neighbours_are_not_in_a_row():
    study = grid_study()
    space = study.plan("blobs", "smoke").spaces["lion"]
    places = [
        {value: k for k, value in enumerate(space.axis(name).values)}
        for name in ("weight_decay", "learning_rate")
    ]

    def place(run):
        return places[0][run.weight_decay], places[1][run.learning_rate]

    runs = study.runs("blobs", "smoke", "jax")
    near = [
        one.optimizer == other.optimizer
        and np.abs(np.subtract(place(one), place(other))).max() <= 1
        for one, other in itertools.pairwise(runs)
    ]
    # About one pair in eight by chance; nearly all of them in the order of the grid.
    assert np.mean(near) < 0.2
    # Cells of the largest rates may diverge all: never many of them in a row.
    top = [run.learning_rate == space.axis("learning_rate").values[-1] for run in runs]
    longest = max(len(list(group)) for value, group in itertools.groupby(top) if value)
    assert longest <= 4
    # The first quarter of the sweep has seen both optimizers about equally.
    counts = Counter(run.optimizer for run in runs[: len(runs) // 4])
    assert min(counts.values()) >= 8


def test_optimizers_share_every_other_setting():
    runs = tiny_study().runs("blobs", "smoke", "jax")
    shared = {(r.epochs, r.batch_size, r.schedule, r.evaluate_every) for r in runs}
    assert len(shared) == 1


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"seeds": 0}])
def test_an_empty_plan_is_refused(wrong):
    with pytest.raises(ValueError, match="at least one epoch and one seed"):
        tiny_plan(**wrong)


@pytest.mark.parametrize("every", [0, 2, 6])
def test_the_last_epoch_must_be_evaluated(every):
    with pytest.raises(ValueError, match="must divide `epochs`"):
        tiny_plan(epochs=3, evaluate_every=every)


def test_unknown_presets_and_tasks_are_refused():
    comparison = Comparison("x", {})
    with pytest.raises(ValueError, match=r"smoke, standard, full, pilot.*'quick'"):
        Study(
            "s",
            "q?",
            {"blobs": {"quick": tiny_plan()}},
            comparison,
            {"blobs": tiny_task()},
        )
    with pytest.raises(ValueError, match="'blobs'"):
        Study("s", "q?", {"blobs": {"smoke": tiny_plan()}}, comparison)
    with pytest.raises(ValueError, match=r"no task 'digits'\. It has: blobs"):
        tiny_study().runs("digits", "smoke", "jax")
    with pytest.raises(ValueError, match=r"no preset 'full' .* Choose one of smoke"):
        tiny_study().runs("blobs", "full", "jax")


def test_an_epsilon_of_no_task_is_refused():
    study = tiny_study()
    typo = Comparison("Lion is wider.", {"blobs": 0.1, "blob": 0.1})
    message = "names blob, which study 'tiny' does not run. Its tasks are: blobs"
    with pytest.raises(ValueError, match=f"of the comparison {message}"):
        dataclasses.replace(study, comparison=typo)
    with pytest.raises(ValueError, match=f"of the secondary comparison 'x' {message}"):
        dataclasses.replace(study, secondary={"x": typo})
    without = dataclasses.replace(study, comparison=Comparison("x", {}))
    assert without.comparison.epsilon == {}


@pytest.mark.parametrize("wrong", [0.05, None, {"t": -1}, {"t": 0}, {"t": "0.05"}])
def test_an_epsilon_is_a_positive_number_per_task(wrong):
    with pytest.raises(ValueError, match="`epsilon` must give each task a positive"):
        Comparison("Lion is wider.", wrong)


def test_the_declaration_is_json_and_its_hash_that_of_its_content():
    declared = tiny_study().declaration()
    assert json.loads(json.dumps(declared))["plans"]["blobs"]["smoke"]["seeds"] == 2
    assert declared["hash"] == tiny_study().declaration()["hash"]
    assert declared["comparison"]["epsilon"] == {"blobs": 0.1}
    others = [tiny_study(tiny_plan(epochs=4)), tiny_study(name="other")]
    assert len({declared["hash"], *(s.declaration()["hash"] for s in others)}) == 3


# --- study files ---

FILE = """
from tests.tuning.tiny import tiny_study

STUDY = tiny_study()
"""


def test_a_study_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    assert load_study_file(file).name == "tiny"
    assert load_study_file(str(file)) == tiny_study()


def test_files_that_declare_no_study_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no study file .*none\.py"):
        load_study_file(tmp_path / "none.py")
    with pytest.raises(FileNotFoundError, match="no study file"):
        load_study_file(tmp_path)
    for name, text in {"empty.py": "", "wrong.py": "STUDY = 3\n"}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match="must have a module-level STUDY"):
            load_study_file(tmp_path / name)
    (tmp_path / "study.txt").write_text(FILE)
    with pytest.raises(ValueError, match="is a Python file"):
        load_study_file(tmp_path / "study.txt")


def test_finding_study_files(tmp_path):
    (tmp_path / "b.py").write_text(FILE)
    (tmp_path / "a.py").write_text("STUDY: object = None\n")
    (tmp_path / "helper.py").write_text("def f():\n    STUDY = 1\n")
    (tmp_path / "notes.txt").write_text(FILE)
    assert find_study_files(tmp_path) == [tmp_path / "a.py", tmp_path / "b.py"]


def test_the_main_study_is_declared_as_the_issue_asks():
    study = load_study_file("studies/learning_rate_weight_decay.py")
    for task, plans in study.plans.items():
        assert study.comparison.epsilon[task] > 0
        if task in ("curves_vit", "source_lm"):
            assert set(plans) == {"smoke", "gpu"}
            continue
        assert set(plans) == set(PRESETS) - {"gpu"}
        for preset, plan in plans.items():
            sizes = {name: len(space) for name, space in plan.spaces.items()}
            assert len(set(sizes.values())) == 1, "both optimizers have as many runs"
            # Few cells, all of them with decay.
            focused = (preset, task) in {
                ("full", "fashion_mnist_vit"),
                ("full", "python_lm"),
                ("standard", "mnist1d_invariant"),
            }
            for space in plan.spaces.values():
                assert (space.axis("weight_decay").values[0] == 0) != focused
    plan = study.plan(study.default_task, "standard")
    assert study.default_task == "mnist1d_mlp"
    assert plan.num_runs == 5 * 6 * 2 * 2
    ratios = {
        round(axis.ratio, 3) for space in plan.spaces.values() for axis in space.axes
    }
    assert len(ratios) == 1
    # Both optimizers of the scale-invariant task have one window of lr × λ.
    for preset in ("standard", "full"):
        spaces = study.plan("mnist1d_invariant", preset).spaces.values()
        first, second = (
            {
                float(f"{each['learning_rate'] * each['weight_decay']:.3g}")
                for each in space.configurations()
            }
            for space in spaces
        )
        assert first == second


def test_a_file_without_a_study_is_not_executed(tmp_path):
    script = tmp_path / "sheet.py"
    script.write_text(f"open({str(tmp_path / 'done')!r}, 'w')\n")
    with pytest.raises(ValueError, match="sheet.py must have a module-level STUDY"):
        load_study_file(script)
    assert not (tmp_path / "done").exists()


def test_a_file_that_a_study_cannot_read_is_said_with_its_line(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text('DATA = open("no_such.csv")\nSTUDY = None\n')
    with pytest.raises(ValueError, match=r"mine.py, line 1 cannot .*no_such\.csv"):
        load_study_file(script)
