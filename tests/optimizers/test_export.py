"""A training step with Lion lowers for CPU, CUDA and TPU: lowers, which is not runs."""

import keras
import numpy as np
import pytest

from keras_lion import Lion

jax = pytest.importorskip("jax")
if keras.backend.backend() != "jax":
    pytest.skip("stateless_apply exists on the JAX backend", allow_module_level=True)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum_dtype": "bfloat16", "skip_nonfinite": True},
        {"gradient_accumulation_steps": 2, "cautious": True, "use_ema": True},
    ],
    ids=["plain", "bfloat16 and guard", "accumulation, caution and averages"],
)
def test_training_step_lowers(platform, options):
    export = pytest.importorskip("jax.export")
    model = keras.Sequential(
        [
            keras.layers.Input((6,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(2),
        ]
    )
    optimizer = Lion(1e-3, weight_decay=0.1, **options)
    optimizer.build(model.trainable_variables)

    def loss(weights, others, x, y):
        logits, others = model.stateless_call(weights, others, x, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(
            y, logits, from_logits=True
        )
        return losses.mean(), others

    def step(weights, others, state, x, y):
        (value, others), gradients = jax.value_and_grad(loss, has_aux=True)(
            weights, others, x, y
        )
        weights, state = optimizer.stateless_apply(state, gradients, weights)
        return value, weights, others, state

    arguments = (
        [v.value for v in model.trainable_variables],
        [v.value for v in model.non_trainable_variables],
        [v.value for v in optimizer.variables],
        np.zeros((4, 6), "float32"),
        np.zeros(4, "int32"),
    )
    exported = export.export(jax.jit(step), platforms=[platform])(*arguments)
    assert exported.platforms == (platform,)
    assert "stablehlo.sign" in exported.mlir_module()
