"""Source-level mutants of the optimizer: each a text that is replaced by another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One wrong version of one file.

    Attributes:
        name: What is wrong with it.
        file: File of `keras_lion/optimizers/`.
        old: Text that must stand in the file exactly once.
        new: What replaces it.
        tests: Test files that are likely to notice, without `test_` and `.py`.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "ascends",
        "updates.py",
        "direction = ops.sign(interpolated)",
        "direction = -ops.sign(interpolated)",
        ("lion",),
    ),
    Mutant(
        "steps without the sign",
        "updates.py",
        "direction = ops.sign(interpolated)",
        "direction = interpolated",
        ("lion",),
    ),
    Mutant(
        "swaps the betas",
        "updates.py",
        "return cls(beta_1, beta_2, 1.0 - beta_1, 1.0 - beta_2)",
        "return cls(beta_2, beta_1, 1.0 - beta_2, 1.0 - beta_1)",
        ("lion",),
    ),
    Mutant(
        "forgets the old momentum in the step",
        "updates.py",
        "betas.beta_1 * momentum + betas.one_minus_beta_1 * gradient",
        "betas.one_minus_beta_1 * gradient",
        ("lion",),
    ),
    Mutant(
        "updates the momentum with the interpolation",
        "updates.py",
        "momentum + betas.one_minus_beta_2 * (gradient - momentum)\n    return weight",
        "momentum + betas.one_minus_beta_2 * (interpolated - momentum)\n"
        "    return weight",
        ("lion",),
    ),
    Mutant(
        "never decays",
        "updates.py",
        "return weight - learning_rate * (direction + decay)",
        "return weight - learning_rate * direction",
        ("lion",),
    ),
    Mutant(
        "decays the weight after the step",
        "updates.py",
        "return weight - learning_rate * (direction + decay)",
        "return (1 - learning_rate * weight_decay) "
        "* (weight - learning_rate * direction)",
        ("lion",),
    ),
    Mutant(
        "decays without the learning rate",
        "updates.py",
        "return weight - learning_rate * (direction + decay)",
        "return weight - learning_rate * direction - decay",
        ("lion",),
    ),
    Mutant(
        "decays against the step when cautious",
        "updates.py",
        "direction * weight >= 0",
        "direction * weight <= 0",
        ("cautious",),
    ),
    Mutant(
        "is cautious where the gradient is zero",
        "updates.py",
        "direction * gradient > 0",
        "direction * gradient >= 0",
        ("cautious",),
    ),
    Mutant(
        "scales caution without bound",
        "updates.py",
        "MAX_CAUTIOUS_SCALE = 10",
        "MAX_CAUTIOUS_SCALE = 1e9",
        ("cautious",),
    ),
    Mutant(
        "decays the momentum at every micro-step",
        "updates.py",
        "ops.where(first, momentum - one_minus_beta * momentum, momentum)",
        "momentum - one_minus_beta * momentum",
        ("accumulation",),
    ),
    Mutant(
        "adds gradients instead of averaging them",
        "updates.py",
        "(one_minus_beta / steps) * gradient",
        "one_minus_beta * gradient",
        ("accumulation",),
    ),
    Mutant(
        "computes in the dtype of the weight",
        "lion.py",
        'return "float64" if dtype == "float64" else "float32"',
        "return dtype",
        ("lion", "momentum_storage"),
    ),
    Mutant(
        "stores the momentum in the dtype of the weight",
        "lion.py",
        "dtype=self.momentum_dtype or compute_dtype(variable)",
        "dtype=self.momentum_dtype or variable.dtype",
        ("momentum_storage",),
    ),
    Mutant(
        "ignores the decay mask",
        "lion.py",
        "self._decays = [self.decays(variable) for variable in variables]",
        "self._decays = [True for variable in variables]",
        ("weight_decay",),
    ),
    Mutant(
        "applies every micro-step",
        "conditional_steps.py",
        "last = ops.equal(position, steps - 1)",
        "last = ops.equal(position, position)",
        ("accumulation",),
    ),
    Mutant(
        "keeps the accumulator after the window",
        "conditional_steps.py",
        "kept = ops.where(applies, ops.zeros_like(total), total)",
        "kept = total",
        ("accumulation",),
    ),
    Mutant(
        "does not average the window",
        "conditional_steps.py",
        "means.append(total / steps)",
        "means.append(total)",
        ("accumulation",),
    ),
    Mutant(
        "lets averages tick on every micro-step",
        "conditional_steps.py",
        "average.assign(select(applies, new, old))",
        "average.assign(new)",
        ("accumulation",),
    ),
    Mutant(
        "counts dropped steps as iterations",
        "conditional_steps.py",
        "self._iterations.assign_sub(ops.cast(dropped, self._iterations.dtype))",
        "pass",
        ("nonfinite",),
    ),
    Mutant(
        "looks at one gradient for finiteness",
        "conditional_steps.py",
        "for tensor in tensors]",
        "for tensor in tensors[:1]]",
        ("nonfinite",),
    ),
    Mutant(
        "rounds to bfloat16 always down",
        "momentum.py",
        'ops.view(value, "int32") + random_halves(\n'
        "        tuple(value.shape), step=step, index=index\n    )",
        'ops.view(value, "int32")',
        ("momentum_storage",),
    ),
    Mutant(
        "draws the same rounding at every step",
        "momentum.py",
        'ops.cast(step, "int32") * 65537',
        'ops.cast(step, "int32") * 0',
        ("momentum_storage",),
    ),
    Mutant(
        "divides decay by nothing under schedule coupling",
        "weight_decay.py",
        "value = value / self._peak_learning_rate",
        "value = value",
        ("weight_decay",),
    ),
    Mutant(
        "ignores exclusions",
        "weight_decay.py",
        "return wanted and variable not in self._excluded",
        "return wanted",
        ("weight_decay",),
    ),
    Mutant(
        "does not let a new weight decay through",
        "weight_decay.py",
        "self._weight_decay_variable.assign(weight_decay or 0.0)",
        "pass",
        ("lion",),
    ),
    Mutant(
        "loads slots by order always",
        "checkpoint.py",
        "found = dict(zip(saved, there, strict=True))",
        "found = dict(zip(own, there, strict=True))",
        ("checkpoints",),
    ),
    Mutant(
        "restores hyperparameters whatever the caller chose",
        "checkpoint.py",
        "(self.restore_hyperparameters or not kept)",
        "True",
        ("checkpoints",),
    ),
    Mutant(
        "checks no upper range of the betas",
        "hyperparameters.py",
        "or not 0 <= beta < 1:",
        "or not 0 <= beta:",
        ("lion",),
    ),
)
