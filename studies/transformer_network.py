"""The Transformers of `studies/transformers.py`: ordinary pre-norm, and normalized.

Causal language models of ASCII text, without biases, gains or dropout. A weight is
scale-invariant if a positive multiple of it gives the same logits; a group is if one
positive multiple of all its weights does.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.datasets import python_source
from keras_lion.tuning.tasks.layers import PositionEmbedding

VOCABULARY = 128
LENGTH = 64
VALIDATION = 1_000
WIDTH, BLOCKS, HEADS = 64, 2, 4


def ascii_windows() -> Data:
    """Windows of 64 characters of Python source; what is not ASCII is one symbol."""
    data = python_source.load()

    def cut(bytes_: np.ndarray) -> np.ndarray:
        return np.asarray(np.minimum(bytes_, VOCABULARY - 1)).reshape(-1, LENGTH)

    assert data.groups is not None
    return Data(
        x=cut(data.x),
        y=cut(data.y),
        x_test=cut(data.x_test),
        y_test=cut(data.y_test),
        groups=np.repeat(data.groups, python_source.LENGTH // LENGTH),
    )


def by_module(data: Data, generator: np.random.Generator) -> tuple[Any, Any]:
    """One split for all seeds: 1,000 windows of every ninth module, and all others.

    Modules differ more than runs do: drawn by a seed, a few of them would make the loss
    of one seed 0.3 nats lower than that of another.
    """
    del generator
    assert data.groups is not None
    held_out = np.flatnonzero(data.groups % 9 == 4)
    chosen = np.linspace(0, len(held_out) - 1, VALIDATION).round().astype(int)
    return np.flatnonzero(data.groups % 9 != 4), held_out[chosen]


def unit(x: Any) -> Any:
    """Vectors of mean square 1 along the last axis, whatever their scale."""
    # An epsilon would make the scale matter; only a vector of zeros needs it.
    return x * ops.rsqrt(ops.maximum(ops.mean(x * x, axis=-1, keepdims=True), 1e-12))


@keras.saving.register_keras_serializable(package="keras_lion_studies")
class Unit(layers.Layer):
    """`unit` as a layer: RMS normalization without gain and epsilon."""

    def call(self, inputs: Any) -> Any:
        return unit(inputs)


@keras.saving.register_keras_serializable(package="keras_lion_studies")
class Attention(layers.Layer):
    """Causal attention of queries, keys and values, each (batch, length, width)."""

    def __init__(self, heads: int, normalized: bool, **base: Any) -> None:
        super().__init__(**base)
        self.heads, self.normalized = heads, normalized

    def call(self, query: Any, key: Any, value: Any) -> Any:
        _, length, width = query.shape
        size = width // self.heads

        def split(x: Any) -> Any:  # (batch, heads, length, size)
            return ops.transpose(
                ops.reshape(x, (-1, length, self.heads, size)), (0, 2, 1, 3)
            )

        q, k, v = split(query), split(key), split(value)
        if self.normalized:
            q, k = unit(q), unit(k)
        logits = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / size**0.5
        future = np.triu(np.full((length, length), -1e9, "float32"), k=1)
        found = ops.matmul(ops.softmax(logits + future), v)
        return ops.reshape(ops.transpose(found, (0, 2, 1, 3)), (-1, length, width))


def transformer(normalized: bool = False, head_scale: float = 1.0) -> Any:
    """Language model: logits of the next character at each place.

    Args:
        normalized: Whether embeddings, queries, keys and what each branch adds are
            normalized too; otherwise only what a branch or the head reads.
        head_scale: Factor of the head's initial weights, by which logits are divided.
            The function is the same, a step of the head's weights counts less.
    """

    def linear(name: str, x: Any, width: int = WIDTH, **options: Any) -> Any:
        return layers.Dense(width, use_bias=False, name=name, **options)(x)

    def written(x: Any) -> Any:
        return Unit()(x) if normalized else x

    inputs = keras.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(VOCABULARY, WIDTH, name="token")(inputs)
    x = written(PositionEmbedding(name="position")(x))
    for k in range(BLOCKS):
        y = Unit()(x)
        q, key, v = (linear(f"{each}_{k}", y) for each in ("query", "key", "value"))
        y = linear(f"mix_{k}", Attention(HEADS, normalized)(q, key, v))
        x = layers.Add()([x, written(y)])
        y = linear(f"up_{k}", Unit()(x), 4 * WIDTH, activation="relu")
        x = layers.Add()([x, written(linear(f"down_{k}", y))])
    logits = linear("head", Unit()(x), VOCABULARY)
    model = keras.Model(inputs, layers.Rescaling(1 / head_scale)(logits))
    head = model.get_layer("head").kernel
    head.assign(head_scale * head)
    return model


# Patterns of the paths of weights whose common scale does not matter: in the normalized
# network that of each weight by itself (of token and position together, which are
# added). In the ordinary one no single weight is scale-invariant, but all that write
# into the residual stream are together, as whatever reads the stream normalizes it.
INVARIANT = {
    True: ("token/", "position/", "query_", "key_", "value_", "mix_", "up_", "down_"),
    False: ("token/", "position/", "mix_", "down_"),
}
REST = {True: ("head/",), False: ("query_", "key_", "value_", "up_", "head/")}
