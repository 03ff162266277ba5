"""How many threads the programs of a process may use.

The last bits of a run depend on it, so a folder's number is used again on resume.
"""

from __future__ import annotations

import os

from keras_lion.tuning import backend

# XLA on JAX reads the first; TensorFlow the next two; NumPy's BLAS the others. All are
# read when the backend starts. XLA_FLAGS, the usual advice, changes nothing on the CPU.
VARIABLES = (
    "NPROC",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


def thread_variables(threads: int) -> dict[str, str]:
    """Environment variables that give a new process this many threads."""
    return dict.fromkeys(VARIABLES, str(threads))


def limit_threads(threads: int) -> None:
    """Use no more than so many threads, if the backend has not started yet."""
    if threads < thread_count():
        os.environ.update(thread_variables(threads))


def thread_count() -> int:
    """Threads that the programs of this process use."""
    limit = os.environ.get(VARIABLES[0], "")
    cores = backend.thread_count()
    return min(int(limit), cores) if limit.isdigit() and int(limit) else cores
