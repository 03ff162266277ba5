"""A small network in NumPy with its gradient written by hand, on one flat vector.

A flat vector costs an optimizer one call for each statement, whatever the number of
layers; a training step of the proxies takes some ten microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Network:
    """Dense layers without biases, ReLU or linear, under a softmax cross-entropy.

    Layer l computes `scales[l] * (h @ W)`. A scale other than 1 makes the layer badly
    scaled: initial weights are divided by it, so that the function stays the same,
    while gradients are multiplied by it.

    Args:
        widths: Inputs, units of each hidden layer, classes.
        scales: One factor a layer.
        linear: True for layers without ReLU.
    """

    def __init__(
        self, widths: Sequence[int], scales: Sequence[float], linear: bool = False
    ) -> None:
        self.shapes = list(pairwise(widths))
        self.scales = [np.float32(scale) for scale in scales]
        self.linear = linear
        self.sizes = [rows * columns for rows, columns in self.shapes]
        self.num_weights = sum(self.sizes)

    def initial(self, generator: np.random.Generator) -> Array:
        """Weights to begin with, by He's rule."""
        gain = 1.0 if self.linear else 2.0
        parts = [
            generator.normal(0.0, np.sqrt(gain / rows) / scale, rows * columns)
            for (rows, columns), scale in zip(self.shapes, self.scales, strict=True)
        ]
        return np.concatenate(parts).astype(np.float32)

    def tensors(self, vector: Array) -> list[Array]:
        """The layers' matrices, as views of one vector."""
        ends = np.cumsum(self.sizes)
        return [
            vector[end - size : end].reshape(shape)
            for end, size, shape in zip(ends, self.sizes, self.shapes, strict=True)
        ]

    def gradient(
        self, matrices: Sequence[Array], x: Array, y: Array, out: Sequence[Array]
    ) -> None:
        """Write the gradient of the mean loss of a batch to `out`.

        `x` has shape (batch, widths[0]), the one-hot `y` (batch, classes).
        """
        inputs, h = self._forward(matrices, x)
        np.exp(h, out=h)
        h /= h.sum(axis=1, keepdims=True)
        error = h
        error -= y
        error /= np.float32(len(x))
        for layer in reversed(range(len(matrices))):
            error *= self.scales[layer]
            np.matmul(inputs[layer].T, error, out=out[layer])
            if layer:
                error = error @ matrices[layer].T
                if not self.linear:
                    error *= inputs[layer] > 0.0

    def loss(self, matrices: Sequence[Array], x: Array, y: Array) -> float:
        """Mean cross-entropy of examples, in nats; it may be infinite or NaN."""
        _, logits = self._forward(matrices, x)
        logarithm = np.log(np.exp(logits).sum(axis=1))
        return float(np.mean(logarithm - (logits * y).sum(axis=1)))

    def _forward(
        self, matrices: Sequence[Array], x: Array
    ) -> tuple[list[Array], Array]:
        """The inputs of every layer, and the logits."""
        inputs, h = [], x
        last = len(matrices) - 1
        for layer, matrix in enumerate(matrices):
            inputs.append(h)
            h = h @ matrix
            h *= self.scales[layer]
            if layer < last and not self.linear:
                np.maximum(h, 0.0, out=h)
        # The largest logit is taken off, or exp overflows.
        h -= h.max(axis=1, keepdims=True)
        return inputs, h
