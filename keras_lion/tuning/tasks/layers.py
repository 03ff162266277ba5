"""Keras layers that the models of the tasks need and Keras does not have."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="keras_lion")
class PositionEmbedding(keras.layers.Layer):
    """Adds a learned vector to each place of a sequence of fixed length."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        _, length, width = input_shape
        self.table = self.add_weight(
            shape=(length, width),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="table",
        )

    def call(self, inputs: Any) -> Any:
        return inputs + self.table  # (batch, length, width) + (length, width)
