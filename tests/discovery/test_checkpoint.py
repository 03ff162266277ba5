"""Searches in folders: kills lose nothing and change nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from keras_lion.discovery.search.checkpoint import SearchFolder
from keras_lion.discovery.search.search_state import SearchSettings
from tests.discovery.counting import HashFitness

REPOSITORY = Path(__file__).parents[2]
SETTINGS = SearchSettings(population=40, generation=8, seed=3)
NUM_CHILDREN = 1_200
KILLS = 8 if os.environ.get("KERAS_LION_SLOW_TESTS") == "1" else 3
SCRIPT = """
import sys
from pathlib import Path
from tests.discovery.counting import HashFitness
from tests.discovery.test_checkpoint import NUM_CHILDREN, search_in
search_in(Path(sys.argv[1]), NUM_CHILDREN, HashFitness(0.003))
"""


def search_in(path, count, fitness, settings=SETTINGS, description=None):
    """Run a search in a folder; checkpoints every 100 children, none at the end."""
    folder = SearchFolder(path, interval=100)
    search = folder.open(settings, fitness, description=description)
    search.run(count, after_generation=folder.record)
    return search


class Counted:
    """A fitness that counts how often it is asked."""

    def __init__(self):
        self.fitness = HashFitness()
        self.count = 0

    def __call__(self, program):
        self.count += 1
        return self.fitness(program)


def same(first, second):
    assert first.state.trail == second.state.trail
    assert first.state.to_json() == second.state.to_json()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return search_in(tmp_path_factory.mktemp("whole"), NUM_CHILDREN, HashFitness())


def in_another_process(script, path, **options):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for_lines(file, count, process):
    end = time.monotonic() + 120
    while not file.exists() or file.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.002)


def test_kill_9_at_random_moments(tmp_path, undisturbed):
    generator = np.random.default_rng(0)
    log = tmp_path / "evaluations.jsonl"
    lines = 0
    share = undisturbed.state.num_evaluations // (KILLS + 1)
    for _ in range(KILLS):
        with in_another_process(SCRIPT, tmp_path) as process:
            wait_for_lines(log, lines + int(generator.integers(1, share)), process)
            os.kill(process.pid, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        now = log.read_bytes().count(b"\n")
        assert now > lines  # nothing of the log is lost, and it goes on
        lines = now
    assert lines < undisturbed.state.num_evaluations
    counted = Counted()
    same(search_in(tmp_path, NUM_CHILDREN, counted), undisturbed)
    assert counted.count <= undisturbed.state.num_evaluations - lines
    numbers = [json.loads(line)[0] for line in log.read_text().splitlines()]
    assert len(numbers) == len(set(numbers)) == undisturbed.state.num_evaluations


@pytest.mark.parametrize("cut", [0, 1, 17, 40, 41, 42, 43, 300])
def test_a_log_that_was_cut_anywhere(tmp_path, undisturbed, cut):
    # As a kill in the middle of a write leaves it, before the first checkpoint.
    search_in(tmp_path, 60, HashFitness())
    log = tmp_path / "evaluations.jsonl"
    text = log.read_bytes()
    assert not (tmp_path / "checkpoint.json").exists()
    log.write_bytes(text[: len(text) - cut])
    same(search_in(tmp_path, NUM_CHILDREN, HashFitness()), undisturbed)
    # And once more, from what that left.
    counted = Counted()
    same(search_in(tmp_path, NUM_CHILDREN, counted), undisturbed)
    assert counted.count == 0


def test_a_log_ahead_of_the_checkpoint_counts_as_measured(tmp_path):
    first = search_in(tmp_path, 150, HashFitness())
    state = SearchFolder(tmp_path).state()
    assert state.num_children == 104 < first.state.num_children
    counted = Counted()
    again = search_in(tmp_path, 150, counted)
    assert counted.count == 0
    same(again, first)
    # Hits and misses are those of the undisturbed search, not of the resumed one.
    later = search_in(tmp_path, 200, counted)
    same(later, search_in(tmp_path / "other", 200, HashFitness()))
    new = later.state.num_evaluations - first.state.num_evaluations
    assert counted.count == new


def test_uncached_searches_resume_too(tmp_path):
    settings = replace(SETTINGS, use_cache=False)
    search_in(tmp_path / "a", 150, HashFitness(), settings)
    a = search_in(tmp_path / "a", 200, HashFitness(), settings)
    same(a, search_in(tmp_path / "b", 200, HashFitness(), settings))


def test_the_worst_fitness_survives_the_log(tmp_path):
    search_in(tmp_path, 96, HashFitness())
    text = (tmp_path / "evaluations.jsonl").read_text()
    assert "null" in text
    assert "Infinity" not in text
    again = search_in(tmp_path, 96, HashFitness())
    assert {x.fitness for x in again.state.population if x.fitness < 0} == {-np.inf}


OPENS = """
import sys
from pathlib import Path
from tests.discovery.counting import HashFitness
from tests.discovery.test_checkpoint import SETTINGS, SearchFolder
SearchFolder(Path(sys.argv[1])).open(SETTINGS, HashFitness())
sys.stdin.read()
"""


def test_two_processes_do_not_write_to_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    with in_another_process(OPENS, tmp_path, stdin=subprocess.PIPE) as other:
        wait_for_lines(tmp_path / "search.json", 1, other)
        with pytest.raises(ValueError, match="another process runs its search. Wait"):
            search_in(tmp_path, 8, HashFitness())
        assert SearchFolder(tmp_path).settings() == SETTINGS  # readers may
        other.kill()
    search_in(tmp_path, 8, HashFitness())
    again = search_in(tmp_path, 16, HashFitness())  # in one process it may be reopened
    with in_another_process(OPENS, tmp_path, stdin=subprocess.DEVNULL) as other:
        assert "another process runs its search" in other.communicate()[1]
    SearchFolder(tmp_path).close()
    with in_another_process(OPENS, tmp_path, stdin=subprocess.DEVNULL) as other:
        assert other.communicate()[1] == ""
    assert other.returncode == 0
    same(search_in(tmp_path, 16, HashFitness()), again)


def test_who_is_refused_keeps_nobody_out(tmp_path):
    pytest.importorskip("fcntl")
    other_settings = replace(SETTINGS, seed=4)
    search_in(tmp_path, 8, HashFitness())
    with pytest.raises(ValueError, match="another search: seed differ"):
        search_in(tmp_path, 8, HashFitness(), other_settings)
    # Refused within the process that has the folder: it keeps it.
    with in_another_process(OPENS, tmp_path, stdin=subprocess.DEVNULL) as other:
        assert "another process runs its search" in other.communicate()[1]
    SearchFolder(tmp_path).close()
    with pytest.raises(ValueError, match="another search: seed differ"):
        search_in(tmp_path, 8, HashFitness(), other_settings)
    with in_another_process(OPENS, tmp_path, stdin=subprocess.DEVNULL) as other:
        assert other.communicate()[1] == ""


def test_another_search_is_refused(tmp_path):
    search_in(tmp_path, 8, HashFitness(), description={"proxies": ["a"]})
    with pytest.raises(ValueError, match="another search: seed, tournament differ"):
        search_in(
            tmp_path,
            8,
            HashFitness(),
            replace(SETTINGS, seed=4, tournament=3),
            {"proxies": ["a"]},
        )
    with pytest.raises(ValueError, match="another search: proxies differ"):
        search_in(tmp_path, 8, HashFitness(), description={"proxies": ["b"]})


def test_a_log_of_other_programs_is_refused(tmp_path):
    search_in(tmp_path, 16, HashFitness())
    log = tmp_path / "evaluations.jsonl"
    lines = log.read_text().splitlines()
    number, _, fitness = json.loads(lines[3])
    lines[3] = json.dumps([number, "0" * 32, fitness])
    log.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=f"Child {number} is not the program"):
        search_in(tmp_path, 16, HashFitness())


def test_settings_are_read_back(tmp_path):
    search_in(tmp_path, 8, HashFitness(), description={"x": 1})
    folder = SearchFolder(tmp_path)
    assert folder.settings() == SETTINGS
    assert folder.description() == {"x": 1}
    with pytest.raises(FileNotFoundError, match="search.json is missing"):
        SearchFolder(tmp_path / "nothing").settings()
