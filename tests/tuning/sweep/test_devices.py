"""Several devices: one for each worker, or a population over all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="virtual devices are of JAX"
)


def python(code, devices):
    """What a process with so many virtual devices prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        },
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


POPULATION = """
import json, sys
import numpy as np
from keras_lion.tuning.engine.executors import Executor
from keras_lion.tuning.engine.trainer import Trainer
from tests.tuning.tiny import tiny_plan, tiny_study, tiny_task

task = tiny_task()
study = tiny_study(tiny_plan((1e-3, 3e-3), (0.0, 0.5), optimizers=("lion",)), task)
runs = study.runs("blobs", "smoke", "jax")
trainer = Trainer(task)
records = []
for size in (8, 3):
    records += Executor(trainer, "vmap", size).run(runs[:size], test=True)
population = trainer.population(runs[0], "vmap")
used = {len(w.devices()) for w in population.start(range(8)).weights}
assert len(population.start(range(3)).weights[0].devices()) == 1
for record in records:
    del record["seconds"]
print(json.dumps([max(used), records]))
"""


def test_a_population_over_two_devices_has_the_records_of_one():
    used, records = json.loads(python(POPULATION, 2))
    assert used == 2
    alone, expected = json.loads(python(POPULATION, 1))
    assert alone == 1
    assert len(records) == 11
    for one, other in zip(records, expected, strict=True):
        assert one["status"] != "failed"
        assert one == other  # to the last bit


PINNED = """
import jax, numpy as np
from keras_lion.tuning import backend

assert backend.device_count() == 2
backend.keep_to_device({number})
import keras
print(*{{d.id for d in keras.ops.ones(3).devices()}})
spread = backend.spread_over_devices(jax.numpy.ones((4, 2)), 4)
print(*{{d.id for d in spread.devices()}})
"""


@pytest.mark.parametrize("number", [0, 1])
def test_a_process_keeps_to_its_device(number):
    found = python(PINNED.format(number=number), 2)
    assert found.split() == [str(number)] * 2


@pytest.mark.parametrize(("number", "expected"), [(0, "GPU 0"), (1, "GPU 1")])
def test_a_process_on_tensorflow_sees_one_gpu(monkeypatch, number, expected):
    # TensorFlow has no virtual GPUs: only what it would be told is seen here.
    from keras_lion.tuning import backend

    visible = []
    config = SimpleNamespace(
        list_physical_devices=lambda kind: [f"{kind} 0", f"{kind} 1"],
        set_visible_devices=lambda devices, kind: visible.append((devices, kind)),
    )
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=config))
    monkeypatch.setattr(backend, "check_backend", lambda: "tensorflow")
    assert backend.device_count() == 2
    backend.keep_to_device(number)
    assert visible == [([expected], "GPU")]


STUDY = """
import json, os
from pathlib import Path
import keras
from tests.tuning.tiny import network, tiny_plan, tiny_study, tiny_task

def model():
    made = network()
    name = os.environ.get("KERASTUNER_TUNER_ID", "parent")
    ids = [d.id for d in made.trainable_variables[0].value.devices()]
    (Path(__file__).parent / f"{name}.json").write_text(json.dumps(ids))
    return made

STUDY = tiny_study(tiny_plan(), tiny_task(model=model))
"""
SWEEP = """
from keras_lion.tuning import load_study_file, run_study

study = load_study_file({file!r})
if __name__ == "__main__":
    run_study(study, preset="smoke", output={output!r}, executor="loop", workers=2)
"""


@pytest.mark.slow
def test_each_worker_keeps_to_a_device_of_its_own(tmp_path):
    file = tmp_path / "study.py"
    file.write_text(STUDY, encoding="utf-8")
    python(SWEEP.format(file=str(file), output=str(tmp_path / "out")), 2)
    devices = {
        name: json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("worker0", "worker1")
    }
    assert devices == {"worker0": [0], "worker1": [1]}
