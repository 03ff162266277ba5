"""Every study is listed, and every claim has commands that can be given."""

import json
import re
import shlex
from collections import defaultdict
from pathlib import Path

import pytest

from keras_lion.arguments import BACKENDS, make_parser
from keras_lion.tuning import load_study_file
from studies.evidence import catalog, page, readme
from studies.evidence.claims import QUESTIONS

ROOT = Path(__file__).resolve().parents[2]
LEDGER = json.loads((ROOT / "studies/results/ledger.json").read_text("utf-8"))
COMMANDS = defaultdict(lambda: print)  # none is called here
# Found here by text alone: `catalog` reads syntax trees.
DECLARING = sorted(
    path.relative_to(ROOT / "studies").as_posix()
    for path in (ROOT / "studies").rglob("*.py")
    if re.search(r"^STUDY = Study\(", path.read_text("utf-8"), re.M)
)


@pytest.mark.parametrize("page", ["docs/studies.md", "studies/README.md"])
def test_every_study_is_listed(page):
    text = (ROOT / page).read_text("utf-8")
    assert len(DECLARING) > 8
    for file in DECLARING:
        assert f"| [{file}](" in text, f"{page} must list {file}: run `make evidence`"


@pytest.mark.parametrize("file", DECLARING)
def test_a_study_asks_one_question_in_the_table_and_on_the_command_line(file):
    listed = {each.file: each.question for each in catalog.listed()}
    if listed[file].endswith("?"):  # one file holds what others train
        assert load_study_file(ROOT / "studies" / file).question == listed[file]


def test_figures_of_one_kind_are_those_of_its_tasks_only(tmp_path):
    folder = tmp_path / "learning_rate_weight_decay" / "figures"
    folder.mkdir(parents=True)
    for name in ("mnist1d_mlp_heatmap", "python_lm_heatmap", "python_lm_heatmap_loss"):
        (folder / f"{name}.png").touch()
    found = page.figures_like(folder / "mnist1d_mlp_heatmap.png")
    assert [task for task, _ in found] == ["mnist1d_mlp", "python_lm"]
    assert found[1][1].name == "python_lm_heatmap.png"


def test_the_catalog_knows_which_files_declare_a_study():
    listed = {each.file: each.declares for each in catalog.listed()}
    assert sorted(file for file, declares in listed.items() if declares) == DECLARING
    assert listed["memory.py"] is False
    assert "claims.py" not in listed  # a module of other files


@pytest.mark.parametrize("entry", LEDGER, ids=lambda entry: entry["claim"])
def test_the_commands_of_a_claim_can_be_given(entry):
    text = (ROOT / "studies" / "README.md").read_text("utf-8")
    section = text.partition(f"\n### {entry['claim']}\n")[2].partition("\n### ")[0]
    assert bool(entry["repeat"]) == bool(entry["study"])
    for line in entry["repeat"]:
        assert f"\n{line}\n" in section
        program, *words = shlex.split(line)
        if program == "python":
            assert (ROOT / words[0]).is_file()
            continue
        assert program == "keras-lion"
        options = make_parser(COMMANDS).parse_args(words)
        study = load_study_file(ROOT / options.study)
        assert all(options.preset in study.plans[task] for task in options.task)
        assert options.backend in BACKENDS


def test_a_claim_repeats_the_tasks_that_it_measures_and_no_others():
    main = "learning_rate_weight_decay.py"
    one = catalog.repeat(main, {"mnist1d_mlp"})
    assert one == [
        f"keras-lion run studies/{main} --task mnist1d_mlp --preset full "
        "--backend tensorflow"
    ]
    assert len(catalog.repeat(main, {"1", "elsewhere"})) == 6
    assert catalog.repeat("performance/model_step.py", set()) == [
        "python studies/performance/model_step.py",
        "python studies/performance/model_step.py --backend tensorflow",
    ]


def test_the_ledger_explains_every_verdict_that_it_uses():
    text = (ROOT / "studies" / "README.md").read_text("utf-8")
    for entry in LEDGER:
        for each in (entry, *entry["measurements"]):
            assert f"- **{each['outcome']}**: " in text, each["outcome"]


def test_a_claim_is_one_sentence_one_number_and_one_link_before_its_details():
    text = (ROOT / "studies" / "README.md").read_text("utf-8")
    for entry in LEDGER:
        section = text.partition(f"\n### {entry['claim']}\n")[2]
        shown = section.partition("<details")[0]
        assert entry["text"] in shown
        assert shown.count("](") <= 1, shown
        assert f"**{entry['outcome'].capitalize()}**" in shown
        assert len(shown.split()) < 90, shown


def test_no_page_counts_correlated_rows():
    for name in ("README.md", "docs/index.md", "studies/README.md"):
        text = (ROOT / name).read_text("utf-8")
        assert not re.search(r"\d+ of \d+ (measurements|tasks|rows)", text), name
        assert "Measurements by outcome" not in text


def test_every_claim_helps_to_answer_a_question():
    assert {entry["group"] for entry in LEDGER} == set(QUESTIONS)


def test_a_task_with_two_bests_says_so_at_both():
    """And with the sizes that the public table has."""
    notes = {entry["claim"]: entry["note"] for entry in LEDGER}
    for claim, other in (
        ("small-tasks", "other-optimizers"),
        ("other-optimizers", "small-tasks"),
    ):
        assert f"(#{other})" in notes[claim]
    sizes = [
        re.findall(r"(\d+) configurations and (\d+) seeds", notes[claim])
        for claim in ("small-tasks", "other-optimizers")
    ]
    assert sizes[0] == sizes[1][::-1] == [("56", "6"), ("21", "3")]


def test_losses_are_shown_as_losses():
    for entry in LEDGER:
        for each in entry["measurements"]:
            assert "−loss" not in each["text"]
            for best in re.findall(r"best loss: (.*?);", each["text"]):
                assert "−" not in best


def test_a_page_keeps_all_but_its_blocks():
    text = f"before\n{readme.MARKERS['results']}\nold\n\n{readme.END}\nafter\n"
    new = readme.updated(text, {"results": "new\n"})
    assert new == f"before\n{readme.MARKERS['results']}\nnew\n\n{readme.END}\nafter\n"


def test_commands_without_places_are_those_of_every_measured_task():
    """A study's own conditions are no tasks; then all of its tasks are repeated."""
    entry = next(each for each in LEDGER if each["claim"] == "warm-up")
    tasks = {re.findall(r"--task (\S+)", each)[0] for each in entry["repeat"]}
    assert tasks == {
        *(f"mnist1d_mlp_warm_up_{percent}" for percent in (0, 5, 20)),
        *(f"python_lm_warm_up_{percent}" for percent in (0, 5)),
    }
