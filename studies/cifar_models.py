"""Models of `cifar.py`: for pictures of 32 × 32, in mixed precision, with augmentation.

Weights and logits are float32, products bfloat16. The training pictures are flipped and
shifted by layers of the model, anew at every step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

SHAPE = (32, 32, 3)
PADDING = 4  # pixels by which a picture is shifted at most
EXPANSION = 4  # of the filters of a block, by its last convolution


def resnet50(
    num_classes: int,
    *,
    blocks: Sequence[int] = (3, 4, 6, 3),
    filters: int = 64,
) -> Any:
    """ResNet-50 for small pictures: a first convolution of 3 × 3, and no pooling.

    Args:
        num_classes: Number of logits.
        blocks: Blocks of three convolutions at each resolution.
        filters: Filters of the first resolution; each next one has twice as many.

    References:
        He et al. (2016), "Deep Residual Learning for Image Recognition".
    """
    from keras import Input, Model, layers

    with mixed_precision():
        inputs = Input(SHAPE)
        x = augmented(inputs)
        x = _convolved(x, filters, 3)
        for stage, count in enumerate(blocks):
            for number in range(count):
                strides = 2 if stage > 0 and number == 0 else 1
                x = _block(x, filters * 2**stage, strides, project=number == 0)
        x = layers.GlobalAveragePooling2D()(x)
        return Model(inputs, layers.Dense(num_classes, dtype="float32")(x))


def vision_transformer(
    num_classes: int,
    *,
    patch: int = 4,
    width: int = 384,
    blocks: int = 6,
    heads: int = 6,
) -> Any:
    """Vision Transformer with patches of 4 × 4 behind the same augmentation.

    Args:
        num_classes: Number of logits.
        patch: Side of a square patch.
        width: Width of the residual stream.
        blocks: Number of Transformer blocks.
        heads: Attention heads of a block.
    """
    from keras import Input, Model, layers

    from keras_lion.tuning.tasks import models

    with mixed_precision():
        inputs = Input(SHAPE)
        network = models.vision_transformer(
            SHAPE, patch, width, blocks, heads, num_classes
        )
        logits = layers.Activation("linear", dtype="float32")(
            network(augmented(inputs))
        )
        return Model(inputs, logits)


def augmented(x: Any) -> Any:
    """Pictures moved by whole pixels, with zeros behind, every second one mirrored."""
    from keras import layers

    share = PADDING / SHAPE[0]
    x = layers.RandomTranslation(
        share, share, fill_mode="constant", interpolation="nearest"
    )(x)
    return layers.RandomFlip("horizontal")(x)


@contextlib.contextmanager
def mixed_precision() -> Iterator[None]:
    """Within it, new layers compute in bfloat16 and keep their weights in float32."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _convolved(x: Any, filters: int, size: int, strides: int = 1) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
    return layers.Activation("relu")(layers.BatchNormalization()(x))


def _block(x: Any, filters: int, strides: int, *, project: bool) -> Any:
    """Convolutions of 1, 3 and 1 pixels next to a shortcut."""
    from keras import layers

    shortcut = x
    if project:
        shortcut = layers.Conv2D(
            EXPANSION * filters, 1, strides, padding="same", use_bias=False
        )(x)
        shortcut = layers.BatchNormalization()(shortcut)
    x = _convolved(x, filters, 1)
    x = _convolved(x, filters, 3, strides)
    x = layers.Conv2D(EXPANSION * filters, 1, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(layers.Add()([x, shortcut]))
