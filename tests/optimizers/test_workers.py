"""Two processes of MultiWorkerMirroredStrategy make the steps of one device."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="A strategy of TensorFlow."
    ),
    pytest.mark.slow,
]


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_two_workers_make_the_steps_of_one_device(tmp_path):
    import tensorflow as tf

    from tests.optimizers.worker import CASES, train

    addresses = [f"localhost:{port}" for port in free_ports(2)]
    files = [tmp_path / f"worker_{index}.npz" for index in range(2)]
    workers = []
    for index, file in enumerate(files):
        cluster = {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }
        workers.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.optimizers.worker", str(file)],
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for worker in workers:
        _, errors = worker.communicate(timeout=300)
        assert worker.returncode == 0, errors[-3000:]
    first, second = ({**np.load(file)} for file in files)
    assert first.keys() == second.keys()
    for case, options in CASES.items():
        one = train(tf.distribute.get_strategy(), skip_nonfinite=True, **options)
        assert one["lion/skipped_steps"] == 1
        for path, value in one.items():
            for found in (first, second):
                np.testing.assert_array_equal(found[f"{case}|{path}"], value)
