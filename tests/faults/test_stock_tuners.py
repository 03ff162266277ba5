"""KerasTuner's own tuners with Lion: a chief and two workers, each a process."""

import os
import socket
import subprocess
import sys

import pytest

from tests.optimizers.stock_tuners import tuner

TUNERS = ["RandomSearch", "BayesianOptimization", "GridSearch", "Hyperband"]
PATIENCE = 300


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("name", TUNERS)
def test_chief_and_workers_complete_every_trial(tmp_path, name):
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.optimizers.stock_tuners",
                name,
                str(tmp_path),
            ],
            env={
                **os.environ,
                "KERASTUNER_TUNER_ID": role,
                "KERASTUNER_ORACLE_IP": "127.0.0.1",
                "KERASTUNER_ORACLE_PORT": port,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for role in ("chief", "worker0", "worker1")
    ]
    for process in processes:
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
    found = tuner(name, str(tmp_path))
    found.oracle.reload()
    trials = found.oracle.trials.values()
    assert len(trials) >= 3
    assert {trial.status for trial in trials} == {"COMPLETED"}
    (best,) = found.get_best_models(1)
    assert best.optimizer.iterations.numpy() > 0
