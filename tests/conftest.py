"""Shared by all tests: quiet backends, and seeded hypothesis."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import hypothesis

hypothesis.settings.register_profile(
    "reproducible", deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("reproducible")
