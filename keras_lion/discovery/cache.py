"""Fitness by functional hash: programs that compute the same are evaluated once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class FitnessCache:
    """Functional hash → fitness, with the number of look-ups that were answered.

    Args:
        known: What is known already.
        enabled: False for a cache that answers nothing, to compare with.

    Attributes:
        hits: Number of look-ups that were answered.
        misses: Number of those that had to be measured.

    Example:

    ```python
    from keras_lion.discovery.cache import FitnessCache

    cache = FitnessCache({"a": 0.5})
    keys = ["a", "b", "b"]
    assert cache.missing(keys) == [1]
    assert cache.fill(keys, [1], [0.7]) == [0.5, 0.7, 0.7]
    assert (cache.hits, cache.misses) == (2, 1)
    ```
    """

    def __init__(
        self, known: Mapping[str, float] | None = None, *, enabled: bool = True
    ) -> None:
        self._fitness = dict(known or {})
        self.enabled = enabled
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._fitness)

    def missing(self, keys: Sequence[str]) -> list[int]:
        """Positions of the keys that must be measured: of equal ones, the first."""
        positions, waiting = [], set()
        for position, key in enumerate(keys):
            if not self.enabled or (key not in self._fitness and key not in waiting):
                positions.append(position)
                waiting.add(key)
        self.misses += len(positions)
        self.hits += len(keys) - len(positions)
        return positions

    def fill(
        self, keys: Sequence[str], positions: Sequence[int], values: Sequence[float]
    ) -> list[float]:
        """Remember what was measured, and return the fitness of every key.

        Args:
            keys: As given to `missing`.
            positions: As returned by `missing`.
            values: Fitness of the keys at these positions.
        """
        self._fitness.update(
            (keys[position], value)
            for position, value in zip(positions, values, strict=True)
        )
        if not self.enabled:
            return list(values)
        return [self._fitness[key] for key in keys]

    @property
    def hit_rate(self) -> float:
        """Share of all look-ups that were hits; 0 before the first."""
        return self.hits / max(self.hits + self.misses, 1)
