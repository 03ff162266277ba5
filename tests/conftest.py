"""Shared by all tests: quiet backends, and seeded hypothesis."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "reproducible", deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("reproducible")


def pytest_configure(config):
    """Keep what JAX compiles: many tests compile the same small programs.

    In a folder for each process, since JAX does not lock the files that it writes.
    """
    if os.environ["KERAS_BACKEND"] != "jax":
        return
    import jax

    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    folder = config.rootpath / ".pytest_cache" / "jax" / worker
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_collection_modifyitems(items):
    """Leave slow tests to `make test-slow`."""
    if os.environ.get("KERAS_LION_SLOW_TESTS") == "1":
        return
    skip = pytest.mark.skip(reason="make test-slow")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(skip)


@pytest.fixture
def heatmaps_only(monkeypatch):
    """Reports draw their first two kinds of figures, which saves most of the time."""
    from keras_lion.report import pictures

    monkeypatch.setattr(pictures, "FIGURES", pictures.FIGURES[:2])
