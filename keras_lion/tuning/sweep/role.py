"""Which part this process has in a sweep: alone, the chief, or a worker.

KerasTuner's three environment variables decide, as they do for any of its searches.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

TUNER_ID = "KERASTUNER_TUNER_ID"
ORACLE_IP = "KERASTUNER_ORACLE_IP"
ORACLE_PORT = "KERASTUNER_ORACLE_PORT"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Role:
    """The part of this process.

    Attributes:
        name: Its id among the processes of the sweep; part of its record file's name.
        address: Where the chief listens; empty for a process that works alone.
    """

    name: str = "0"
    address: str = ""

    @property
    def is_chief(self) -> bool:
        """True for the process that hands out the runs."""
        # As KerasTuner decides it.
        return bool(self.address) and "chief" in self.name

    @property
    def is_worker(self) -> bool:
        """True for a process that asks a chief for runs."""
        return bool(self.address) and "chief" not in self.name


def current_role() -> Role:
    """The role that the environment variables give to this process.

    Without an address the chief is on this machine, and listens to it only.

    Raises:
        ValueError: If only a part of the variables is set.
    """
    name = os.environ.get(TUNER_ID, "")
    port = os.environ.get(ORACLE_PORT, "")
    if not name and not port and not os.environ.get(ORACLE_IP):
        return Role()
    if not name or not port:
        raise ValueError(
            f"A chief and its workers need {TUNER_ID} (with 'chief' in the chief's), "
            f"{ORACLE_PORT} and, unless all are on one machine, {ORACLE_IP}. Received "
            f"{TUNER_ID}={name!r} and {ORACLE_PORT}={port!r}. Set them, or none."
        )
    if not port.isdigit():
        raise ValueError(f"{ORACLE_PORT} must be a number. Received: {port!r}.")
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(
            f"{TUNER_ID} is part of a file's name: use letters, digits, '.', '_' and "
            f"'-'. Received: {name!r}."
        )
    address = os.environ.setdefault(ORACLE_IP, LOOPBACK)
    return Role(name, f"{address}:{port}")
