"""A fitness that costs nothing, for tests of the search around it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from keras_lion.discovery.language.abstract import functional_hash


@dataclass(frozen=True)
class HashFitness:
    """A number in [0, 1) that the functional hash decides; every eighth is worst."""

    delay: float = 0.0  # seconds

    def __call__(self, program):
        time.sleep(self.delay)
        text = b"1" + functional_hash(program).encode()
        number = int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big")
        return float("-inf") if number % 8 == 0 else number / 2.0**48
