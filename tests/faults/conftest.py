"""Faults on real processes, for minutes: only `make test-faults` collects them."""

import os

collect_ignore_glob = [] if os.environ.get("KERAS_LION_SLOW_TESTS") else ["test_*.py"]
