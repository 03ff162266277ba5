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
    "nearest bfloat16 momentum": {
        "momentum_dtype": "bfloat16",
        "stochastic_rounding": False,
    },
    "int8 momentum": {"momentum_dtype": "int8"},
    "cautious": {"cautious": True},
    "cautious decay": {"cautious_weight_decay": True},
    "decay of matrices": {"weight_decay_mask": "matrices"},
    "decay by schedule": {
        "weight_decay_coupling": "schedule",
        "peak_learning_rate": 1e-3,
    },
    "not finite": {"skip_nonfinite": True},
    "clipped by value": {"clipvalue": 1.0},
    "clipped by norm": {"global_clipnorm": 1.0},
    "averaged": {"use_ema": True, "ema_overwrite_frequency": 2},
    "lazy embeddings": {"lazy_embeddings": True},
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

# Option, its value, and what then must be in the program.
SIGNS = (
    ("momentum_dtype", "bfloat16", "xbf16>"),
    ("momentum_dtype", "int8", "xi8>"),
    ("skip_nonfinite", True, "stablehlo.is_finite"),
    ("global_clipnorm", 1.0, "stablehlo.sqrt"),
)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_training_step_lowers(options, platform):
    import jax
    from jax import export

    model = keras.Sequential(
        [
            keras.layers.Input((4,), dtype="int32"),
            keras.layers.Embedding(50, 8),  # 400 elements
            keras.layers.Flatten(),
            keras.layers.Dense(64),  # 2,048: large enough for a byte a weight
            keras.layers.Dense(2),
        ]
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
        np.ones((16, 4), "int32"),
        np.zeros(16, "int32"),
    )
    exported = export.export(jax.jit(step), platforms=[platform])(*arguments)
    assert exported.platforms == (platform,)
    text = exported.mlir_module()
    assert "stablehlo.sign" in text
    for option, value, sign in SIGNS:
        if options.get(option) == value:
            assert sign in text


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize("optimizer", ["lion", "cautious_lion", "adamw"])
@pytest.mark.parametrize("executor", ["map", "vmap"])
def test_population_lowers(executor, optimizer, platform):
    from jax import export

    from keras_lion.tuning.engine.trainer import Trainer
    from keras_lion.tuning.engine.training import Steps
    from tests.tuning.tiny import tiny_plan, tiny_study, tiny_task

    members, steps, batch = 4, 3, 16
    task = tiny_task()
    study = tiny_study(tiny_plan(optimizers=(optimizer,)), task)
    run = study.runs(task.name, "smoke", "jax")[0]
    population = Trainer(task).population(run, executor)
    values = population.start(range(members)).values
    arguments = Steps(
        np.zeros((members, steps, batch), "int32"),
        np.ones((members, steps), "float32"),
        np.arange(1, steps + 1, dtype="float32"),
        np.ones((members, 5), "float32"),
    )
    lowered = export.export(population._train, platforms=[platform])(
        values, population.program.pool, arguments
    )
    assert lowered.platforms == (platform,)
    assert "stablehlo.while" in lowered.mlir_module()
    weights, *_ = lowered.out_avals
    assert weights.shape[0] == members
