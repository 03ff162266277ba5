"""CIFAR as TFDS's stock builders describe it, with made-up pictures of its shapes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.tasks.datasets import cache, cifar
from studies import cifar as study_file
from studies import cifar_models

EXAMPLES = 48


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """What the stock builders give: random pictures, nothing is downloaded."""
    pytest.importorskip("tensorflow")
    testing = pytest.importorskip("tensorflow_datasets").testing
    monkeypatch.setenv("KERAS_LION_CACHE", str(tmp_path / "cache"))
    asked = []
    monkeypatch.setattr(cifar, "check_connection", asked.append)
    cifar._load.cache_clear()
    with testing.mock_data(num_examples=EXAMPLES, data_dir=str(tmp_path / "tfds")):
        yield asked
    cifar._load.cache_clear()


# TFDS's own dependencies use what newer versions of others have deprecated.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("load", "name", "classes"),
    [(cifar.load_cifar10, "cifar10", 10), (cifar.load_cifar100, "cifar100", 100)],
)
def test_the_stock_builders_are_read(made_up, load, name, classes):
    data = load()
    assert made_up == [cifar.URLS[name]]
    assert data.x.shape == data.x_test.shape == (EXAMPLES, 32, 32, 3)
    assert data.x.dtype == np.float32
    assert data.x.min() >= 0
    assert 0.5 < data.x.max() <= 1
    assert data.y.dtype == np.int32
    assert data.y.max() < classes
    assert len(set(data.y.tolist())) > 5
    [kept] = cache.cache_folder().glob(f"{name}-*.npz")
    with np.load(kept) as arrays:
        assert arrays["x"].dtype == np.uint8  # a quarter of the memory


@pytest.mark.filterwarnings("ignore")
def test_without_a_network_the_remedy_is_named(made_up, monkeypatch):
    def no_network(url):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(cifar, "check_connection", no_network)
    with pytest.raises(FileNotFoundError, match="Connect to a network, or set TFDS_"):
        cifar.load_cifar10()


SMALL = {
    "cifar10_resnet": partial(cifar_models.resnet50, 10, blocks=(1, 1), filters=4),
    "cifar100_vit": partial(
        cifar_models.vision_transformer, 100, width=16, blocks=1, heads=2
    ),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SMALL)
def test_a_run_of_the_engine(made_up, name):
    """Augmentation, batch statistics and mixed precision train in its own program."""
    study = study_file.STUDY
    task = replace(
        study.task(name),
        model=SMALL[name],
        batch_size=8,
        train_examples=32,
        validation_examples=16,
    )
    runs = replace(study, tasks={**study.tasks, name: task}).runs(
        name, "smoke", keras.backend.backend()
    )
    trainer = Trainer(task)
    assert trainer.is_fast(runs[0]), "the model's `fit` is several times slower"
    for run in runs:
        record = trainer.run(run)
        assert record["status"] != "failed"
        assert record["steps"] == 2
        assert np.isfinite(record["final_loss"])
    together = trainer.run_together(runs[:1], "vmap", 2)
    assert np.isfinite(together[0]["final_loss"])


@pytest.mark.slow
def test_the_models_have_the_sizes_of_their_names():
    resnet = cifar_models.resnet50(100)
    # He et al.: 23.5 million without the head of ImageNet; the first convolution is
    # smaller by 7 * 7 - 3 * 3 weights for each of its 3 * 64 pairs.
    assert resnet.count_params() == pytest.approx(23.5e6 + 2048 * 100, rel=0.01)
    assert sum("conv" in layer.name for layer in resnet.layers) == 49 + 4
    transformer = cifar_models.vision_transformer(100)
    assert 10e6 < transformer.count_params() < 12e6
    for model in (resnet, transformer):
        assert model.compute_dtype == "bfloat16" or model.layers[-1].dtype == "float32"
        assert {str(v.dtype) for v in model.trainable_variables} == {"float32"}
        assert model.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"  # as before


def test_pictures_are_augmented_in_training_only():
    x = np.random.default_rng(0).random((64, 32, 32, 3), dtype="float32")
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, cifar_models.augmented(inputs))
    np.testing.assert_allclose(model(x, training=False), x, atol=1e-6)
    one, other = (np.asarray(model(x, training=True)) for _ in range(2))
    assert one.shape == x.shape
    assert np.abs(one - other).max() > 0.1  # anew at every step
    mirrored = x[:, :, ::-1]
    offset = cifar_models.PADDING

    def is_part_of(picture, framed):
        return any(
            np.allclose(picture, framed[a : a + 32, b : b + 32], atol=1e-6)
            for a in range(2 * offset + 1)
            for b in range(2 * offset + 1)
        )

    frame = [(0, 0), (offset, offset), (offset, offset), (0, 0)]
    plain, turned = np.pad(x, frame), np.pad(mirrored, frame)
    found = [
        (is_part_of(p, a), is_part_of(p, b))
        for p, a, b in zip(one, plain, turned, strict=True)
    ]
    assert all(a or b for a, b in found)
    assert 16 < sum(a for a, _ in found) < 48  # about half are mirrored
