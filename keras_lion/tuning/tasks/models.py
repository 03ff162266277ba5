"""The models of the tasks: small functional Keras models that return logits.

None has dropout or other random layers, so that weights and data alone decide a step.
Keras is imported when a model is made, and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def mlp(
    input_shape: Sequence[int],
    hidden: Sequence[int],
    num_classes: int,
    normalise: bool = False,
) -> Any:
    """Multi-layer perceptron: flattened inputs, ReLU layers, logits.

    Args:
        input_shape: Shape of one example.
        hidden: Widths of the hidden layers.
        num_classes: Number of logits.
        normalise: Whether a LayerNormalization follows every hidden product, so that
            the scale of its weights does not matter.
    """
    from keras import Input, Model, layers

    inputs = Input(tuple(input_shape))
    x = layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    for width in hidden:
        if normalise:
            x = layers.LayerNormalization()(layers.Dense(width)(x))
            x = layers.Activation("relu")(x)
        else:
            x = layers.Dense(width, activation="relu")(x)
    return Model(inputs, layers.Dense(num_classes)(x))


def scale_invariant_mlp(
    input_shape: Sequence[int],
    hidden: Sequence[int],
    num_classes: int,
    *,
    gains: bool = False,
    head: bool = False,
    initial_scale: float = 1.0,
    temperature: float = 2.0,
) -> Any:
    """Multi-layer perceptron whose outputs do not depend on the scale of its weights.

    Every product is normalized over its units, logits too, without gains or biases: a
    kernel and any positive multiple of it give the same outputs, exactly so for powers
    of two.

    Args:
        input_shape: Shape of one example.
        hidden: Widths of the hidden layers.
        num_classes: Number of logits.
        gains: Whether hidden layers have trained gains and biases, whose scale matters.
        head: Whether the logits are an ordinary layer with biases, whose scale matters.
        initial_scale: Factor of all initial kernels.
        temperature: Standard deviation of the normalized logits of an example.
    """
    from keras import Input, Model, layers

    def normalized(x: Any, affine: bool = False) -> Any:
        # An epsilon would make the scale matter.
        layer = layers.LayerNormalization(epsilon=0.0, center=affine, scale=affine)
        return layer(x)

    inputs = Input(tuple(input_shape))
    x = layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    for width in hidden:
        x = normalized(layers.Dense(width, use_bias=False)(x), gains)
        x = layers.Activation("relu")(x)
    if head:
        logits = layers.Dense(num_classes)(x)
    else:
        logits = normalized(layers.Dense(num_classes, use_bias=False)(x))
        logits = layers.Rescaling(temperature)(logits)
    model = Model(inputs, logits)
    for weight in model.trainable_variables if initial_scale != 1 else ():
        weight.assign(initial_scale * weight)
    return model


def cnn(
    input_shape: Sequence[int] = (28, 28, 1),
    filters: Sequence[int] = (16, 32),
    num_classes: int = 10,
) -> Any:
    """Small convolutional network: one 3 × 3 convolution of stride 2 for each entry.

    Args:
        input_shape: Height, width and channels of one picture.
        filters: Filters of the convolutions.
        num_classes: Number of logits.
    """
    from keras import Input, Model, layers

    inputs = Input(tuple(input_shape))
    x = inputs
    for count in filters:
        # Strides instead of pooling: half the work on a CPU.
        x = layers.Conv2D(count, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    return Model(inputs, layers.Dense(num_classes)(x))


def vision_transformer(
    input_shape: Sequence[int] = (28, 28, 1),
    patch: int = 7,
    width: int = 64,
    blocks: int = 2,
    heads: int = 4,
    num_classes: int = 10,
) -> Any:
    """Small pre-norm Vision Transformer: learned positions, mean over the patches.

    Args:
        input_shape: Height, width and channels of one picture.
        patch: Side of a square patch; must divide height and width.
        width: Width of the residual stream.
        blocks: Number of Transformer blocks.
        heads: Attention heads of a block; must divide `width`.
        num_classes: Number of logits.

    Raises:
        ValueError: If the patches do not tile the picture or the heads the width.

    References:
        Dosovitskiy et al. (2021), "An Image is Worth 16x16 Words".
    """
    from keras import Input, Model, layers

    from keras_lion.tuning.tasks.layers import PositionEmbedding

    if input_shape[0] % patch or input_shape[1] % patch:
        raise ValueError(
            f"`patch` must divide height and width of a picture. Received: "
            f"patch={patch} for pictures of {input_shape[0]} x {input_shape[1]}."
        )
    tokens = (input_shape[0] // patch) * (input_shape[1] // patch)
    inputs = Input(tuple(input_shape))
    x = layers.Conv2D(width, patch, strides=patch)(inputs)
    x = layers.Reshape((tokens, width))(x)
    x = PositionEmbedding()(x)
    for _ in range(blocks):
        x = _transformer_block(x, width, heads, causal=False)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.GlobalAveragePooling1D()(x)
    return Model(inputs, layers.Dense(num_classes)(x))


def language_model(
    vocabulary: int = 256,
    length: int = 128,
    width: int = 64,
    blocks: int = 2,
    heads: int = 4,
) -> Any:
    """Small causal pre-norm Transformer: logits of the next symbol at each place.

    Args:
        vocabulary: Number of symbols; 256 for bytes.
        length: Symbols of an example.
        width: Width of the residual stream.
        blocks: Number of Transformer blocks.
        heads: Attention heads of a block; must divide `width`.

    Raises:
        ValueError: If the heads do not divide the width.
    """
    from keras import Input, Model, layers

    from keras_lion.tuning.tasks.layers import PositionEmbedding

    inputs = Input((length,), dtype="int32")
    x = layers.Embedding(vocabulary, width)(inputs)
    x = PositionEmbedding()(x)
    for _ in range(blocks):
        x = _transformer_block(x, width, heads, causal=True)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return Model(inputs, layers.Dense(vocabulary)(x))


def pair_mlp(modulus: int = 59, width: int = 64, hidden: Sequence[int] = (128,)) -> Any:
    """Network of two numbers: one embedding for both, ReLU layers, logits.

    Args:
        modulus: Numbers below this one; also the number of logits.
        width: Width of a number's embedding.
        hidden: Widths of the hidden layers, which see both embeddings side by side.
    """
    from keras import Input, Model, layers

    inputs = Input((2,), dtype="int32")
    x = layers.Embedding(modulus, width)(inputs)
    x = layers.Flatten()(x)
    for size in hidden:
        x = layers.Dense(size, activation="relu")(x)
    return Model(inputs, layers.Dense(modulus)(x))


def _transformer_block(x: Any, width: int, heads: int, *, causal: bool) -> Any:
    """Pre-norm attention and pre-norm MLP of four times the width, each residual."""
    from keras import layers

    if width % heads:
        raise ValueError(
            f"`heads` must divide `width`. Received: heads={heads}, width={width}."
        )
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    attention = layers.MultiHeadAttention(heads, key_dim=width // heads)
    x = layers.Add()([x, attention(y, y, use_causal_mask=causal)])
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y = layers.Dense(4 * width, activation="gelu")(y)
    return layers.Add()([x, layers.Dense(width)(y)])
