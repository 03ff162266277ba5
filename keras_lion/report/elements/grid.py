"""Where the cells of a landscape lie on a logarithmic plot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_lion.robustness.landscape import Array, Landscape

GAP = 0.5  # cells between the row of no decay and the others: room for τ
LOW = 0.7  # height of that row in cells: it has no extent in log λ
LONE = 0.5  # decades that the cell of a lone value takes


@dataclass(frozen=True)
class Grid:
    """Centers and borders of the cells, in decades.

    Attributes:
        x: Centers of the columns, log₁₀ lr, shape (n,).
        y: Centers of the rows, shape (m,): log₁₀ λ, and the row λ = 0 below with a gap.
        x_edges: Borders of the columns, shape (n + 1,).
        bottoms: Lower borders of the rows, shape (m,).
        tops: Upper borders of the rows, shape (m,).
    """

    x: Array
    y: Array
    x_edges: Array
    bottoms: Array
    tops: Array

    @classmethod
    def of(cls, landscape: Landscape) -> Grid:
        """The grid of a landscape."""
        x = np.log10(landscape.learning_rate)
        positive = landscape.weight_decay[landscape.weight_decay > 0]
        y = np.log10(positive)
        edges = _edges(y)
        bottoms, tops = edges[:-1], edges[1:]
        if len(positive) < len(landscape.weight_decay):
            first, step = (edges[0], edges[1] - edges[0]) if len(y) else (0.0, LONE)
            top = first - GAP * step
            bottom = top - LOW * step
            y = np.array([(top + bottom) / 2, *y])
            bottoms, tops = np.array([bottom, *bottoms]), np.array([top, *tops])
        return cls(x, y, _edges(x), bottoms, tops)

    def box(self, i: int, j: int) -> tuple[tuple[float, float], float, float]:
        """Lower left corner, width and height of the cell in row i, column j."""
        left, right = float(self.x_edges[j]), float(self.x_edges[j + 1])
        bottom, top = float(self.bottoms[i]), float(self.tops[i])
        return (left, bottom), right - left, top - bottom

    @property
    def width(self) -> float:
        """Decades from the left to the right border."""
        return float(self.x_edges[-1] - self.x_edges[0])

    @property
    def height(self) -> float:
        """Decades from the lowest to the highest border."""
        return float(self.tops[-1] - self.bottoms[0])


def _edges(centers: Array) -> Array:
    if len(centers) == 0:
        return np.zeros(1)
    if len(centers) == 1:
        return np.array([centers[0] - LONE / 2, centers[0] + LONE / 2])
    middles = (centers[1:] + centers[:-1]) / 2
    first, last = 2 * centers[0] - middles[0], 2 * centers[-1] - middles[-1]
    return np.array([first, *middles, last])
