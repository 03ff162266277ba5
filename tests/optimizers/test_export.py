"""A compiled training step is lowered for CPU, GPU and TPU: it is not run there."""

import keras
import numpy as np
import pytest

from keras_lion import Lion

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="jax.export needs the JAX backend"
)

OPTIONS = {
    "plain": {},
    "bfloat16 momentum": {"momentum_dtype": "bfloat16"},
    "accumulation": {"gradient_accumulation_steps": 2},
    "accumulation in the momentum": {
        "gradient_accumulation_steps": 2,
        "beta_1": 0.95,
        "beta_2": 0.95,
    },
    "everything": {
        "momentum_dtype": "bfloat16",
        "cautious": True,
        "cautious_weight_decay": True,
        "weight_decay_mask": "matrices",
        "skip_nonfinite": True,
        "global_clipnorm": 1.0,
        "use_ema": True,
        "gradient_accumulation_steps": 2,
    },
}


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_training_step_lowers(options, platform):
    import jax
    from jax import export

    model = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = Lion(1e-3, weight_decay=0.1, **options)
    optimizer.build(model.trainable_variables)

    def loss_of(trainable, x, y):
        logits, _ = model.stateless_call(trainable, [], x, training=True)
        return loss(y, logits)

    def step(trainable, state, x, y):
        value, gradients = jax.value_and_grad(loss_of)(trainable, x, y)
        return value, optimizer.stateless_apply(state, gradients, trainable)

    arguments = (
        [v.value for v in model.trainable_variables],
        [v.value for v in optimizer.variables],
        np.ones((16, 4), "float32"),
        np.zeros(16, "int32"),
    )
    exported = export.export(jax.jit(step), platforms=[platform])(*arguments)
    assert exported.platforms == (platform,)
    assert "stablehlo.sign" in exported.mlir_module()
