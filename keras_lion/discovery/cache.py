"""Fitness by functional hash: programs that compute the same are evaluated once."""

from __future__ import annotations

from collections.abc import Mapping


class FitnessCache:
    """Functional hash → fitness, with the share of look-ups that were answered.

    Args:
        entries: What is known already.
        hits: Number of look-ups that were answered so far.
        misses: Number of those that were not.

    Example:

    ```python
    cache = FitnessCache()
    assert cache.get("a") is None
    cache.put("a", 0.5)
    assert cache.get("a") == 0.5
    assert cache.hit_rate == 0.5
    ```
    """

    def __init__(
        self,
        entries: Mapping[str, float] | None = None,
        hits: int = 0,
        misses: int = 0,
    ) -> None:
        self._fitness = dict(entries or {})
        self.hits = hits
        self.misses = misses
        self._window = (hits, misses)

    def __len__(self) -> int:
        return len(self._fitness)

    def get(self, functional_hash: str) -> float | None:
        """The fitness that was put there, or None; counts as a hit or as a miss."""
        found = self._fitness.get(functional_hash)
        self.count(hit=found is not None)
        return found

    def count(self, *, hit: bool) -> None:
        """Count a look-up that was answered elsewhere."""
        self.hits += hit
        self.misses += not hit

    def put(self, functional_hash: str, fitness: float) -> None:
        """Remember a fitness."""
        self._fitness[functional_hash] = fitness

    @property
    def hit_rate(self) -> float:
        """Share of all look-ups that were hits; 0 before the first."""
        return _share(self.hits, self.misses)

    def start_window(self, hits: int | None = None, misses: int | None = None) -> None:
        """Begin a new window, here or at earlier counts."""
        self._window = (
            self.hits if hits is None else hits,
            self.misses if misses is None else misses,
        )

    @property
    def window(self) -> tuple[int, int]:
        """Hits and misses before the current window."""
        return self._window

    @property
    def window_hit_rate(self) -> float:
        """Share of the look-ups since the window began that were hits."""
        hits, misses = self._window
        return _share(self.hits - hits, self.misses - misses)


def _share(hits: int, misses: int) -> float:
    return hits / max(hits + misses, 1)
