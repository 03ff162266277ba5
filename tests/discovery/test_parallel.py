"""Several processes: the results of one, and none of them left behind."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from keras_lion.discovery import zoo
from keras_lion.discovery.search.evaluation import ProxyFitness
from keras_lion.discovery.search.evolution import Search
from keras_lion.discovery.search.parallel import ONE_THREAD, evaluation_pool
from keras_lion.discovery.search.proxies import PROXIES
from keras_lion.discovery.search.search_state import SearchSettings

REPOSITORY = Path(__file__).parents[2]
PROXY = replace(PROXIES["embedding_bags"], steps=20, train_examples=100)
FITNESS = ProxyFitness((PROXY,))
SETTINGS = SearchSettings(population=20, generation=8)


def test_two_processes_give_the_results_of_one(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    alone = Search(SETTINGS, FITNESS)
    alone.run(80)
    with evaluation_pool(FITNESS, workers=2) as evaluate_all:
        assert {name: os.environ.get(name) for name in ONE_THREAD} == before
        search = Search(SETTINGS, FITNESS, evaluate_all=evaluate_all)
        search.run(80)
        values = evaluate_all([zoo.ADAMW, zoo.LION, zoo.ADAMW])
    assert search.state.to_json() == alone.state.to_json()
    assert values == [FITNESS(zoo.ADAMW), FITNESS(zoo.LION), FITNESS(zoo.ADAMW)]


def test_one_worker_is_this_process():
    found = []

    def fitness(program):
        found.append(os.getpid())
        return 0.0

    with evaluation_pool(fitness, workers=1) as evaluate_all:
        assert evaluate_all([zoo.LION]) == [0.0]
    assert found == [os.getpid()]


def test_number_of_workers():
    with (
        pytest.raises(ValueError, match="`workers` must be at least 1. Received: 0"),
        evaluation_pool(FITNESS, workers=0),
    ):
        pass


SCRIPT = """
import os, signal, sys
from keras_lion.discovery import zoo
from keras_lion.discovery.search.parallel import evaluation_pool
from tests.discovery.counting import HashFitness

if __name__ == "__main__":
    with evaluation_pool(HashFitness(), workers=2) as evaluate_all:
        evaluate_all([zoo.LION] * 4)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
def test_no_process_outlives_a_killed_search(tmp_path):
    script = tmp_path / "killed_search.py"
    script.write_text(SCRIPT)
    mark = f"KERAS_LION_TEST_MARK={tmp_path}"
    name, _, value = mark.partition("=")
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY), name: value}
    process = subprocess.run([sys.executable, script], env=variables, check=False)
    assert process.returncode < 0
    end = time.monotonic() + 60
    while left := alive(mark):
        assert time.monotonic() < end, left
        time.sleep(0.05)


def alive(mark):
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in path.joinpath("environ").read_bytes().split(b"\0"):
                found.append(path.name)
        except OSError:  # gone in between, or another user's
            continue
    return found
