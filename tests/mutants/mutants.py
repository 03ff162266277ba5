"""Lions that are wrong in one line each: what is replaced in which file, by what.

`first` names the test files that are run before the others, `backend` the backend that
the tests run on.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One replacement in the source of `keras_lion.optimizers`."""

    name: str
    file: str
    original: str
    mutated: str
    first: tuple[str, ...]
    backend: str


def mutants(
    file: str, *rows: tuple[str, str, str, str], backend: str = "jax"
) -> list[Mutant]:
    """Mutants of one file, from rows of name, original, mutated, first test files."""
    return [
        Mutant(name, f"{file}.py", original, mutated, tuple(first.split()), backend)
        for name, original, mutated, first in rows
    ]


MUTANTS = [
    *mutants(
        "updates",
        (
            "ascent",
            "return weight - learning_rate * (direction + decay)",
            "return weight + learning_rate * (direction - decay)",
            "lion",
        ),
        (
            "sign of zero is one",
            "direction = ops.sign(interpolated)",
            "direction = 1.0 - 2.0 * ops.cast(interpolated < 0, weight.dtype)",
            "lion",
        ),
        (
            "no sign",
            "direction = ops.sign(interpolated)",
            "direction = interpolated",
            "lion",
        ),
        (
            "betas swapped",
            "return cls(beta_1, beta_2, 1.0 - beta_1, 1.0 - beta_2)",
            "return cls(beta_2, beta_1, 1.0 - beta_2, 1.0 - beta_1)",
            "lion",
        ),
        (
            "step without the old momentum",
            "betas.beta_1 * momentum + betas.one_minus_beta_1 * gradient",
            "betas.one_minus_beta_1 * gradient",
            "lion",
        ),
        (
            "step by the new momentum",
            "betas.beta_1 * momentum + betas.one_minus_beta_1 * gradient",
            "momentum + betas.one_minus_beta_2 * (gradient - momentum)",
            "lion",
        ),
        (
            "momentum updated before it is used",
            "    interpolated = betas.beta_1 * momentum + ",
            "    momentum = momentum + betas.one_minus_beta_2 * (gradient - momentum)\n"
            "    interpolated = betas.beta_1 * momentum + ",
            "lion",
        ),
        (
            "beta_1 in the momentum",
            "momentum + betas.one_minus_beta_2 * (gradient - momentum)",
            "momentum + betas.one_minus_beta_1 * (gradient - momentum)",
            "lion",
        ),
        (
            "interpolation folded into the momentum",
            "momentum + betas.one_minus_beta_2 * (gradient - momentum)",
            "interpolated + betas.one_minus_beta_2 * (gradient - interpolated)",
            "lion",
        ),
        (
            "1 - beta taken in float32",
            "return cls(beta_1, beta_2, 1.0 - beta_1, 1.0 - beta_2)",
            "one_minus = [1.0 - ops.cast(beta, 'float32') for beta in (beta_1, beta_2)]"
            "\n        return cls(beta_1, beta_2, *one_minus)",
            "precision",
        ),
        (
            "decay after the step",
            "decay = weight_decay * weight",
            "decay = weight_decay * (weight - learning_rate * direction)",
            "lion",
        ),
        (
            "decay by the square of the learning rate",
            "decay = weight_decay * weight",
            "decay = learning_rate * weight_decay * weight",
            "lion",
        ),
        (
            "decay without the learning rate",
            "return weight - learning_rate * (direction + decay)",
            "return weight - learning_rate * direction - decay",
            "lion",
        ),
        (
            "no decay",
            "return weight - learning_rate * (direction + decay)",
            "return weight - learning_rate * direction",
            "lion",
        ),
        (
            "cautious where the gradient is zero",
            "direction * gradient > 0",
            "direction * gradient >= 0",
            "cautious",
        ),
        (
            "cautious by the momentum",
            "agreeing_with=gradient if cautious else None",
            "agreeing_with=momentum if cautious else None",
            "cautious",
        ),
        (
            "in place with the ratio of the betas upside down",
            "ratio = betas.beta_1 / betas.beta_2",
            "ratio = betas.beta_2 / betas.beta_1",
            "lion_properties lion",
        ),
        (
            "in place whatever the betas are",
            "return bool(betas.beta_1 <= betas.beta_2 and betas.beta_2 > 0)",
            "return True",
            "lion_properties lion",
        ),
        (
            "cautious scale without a bound",
            "ops.maximum(ops.mean(agrees), 1 / MAX_CAUTIOUS_SCALE)",
            "ops.maximum(ops.mean(agrees), 1e-6)",
            "cautious",
        ),
        (
            "cautious scale of the whole, plus one",
            "ops.maximum(ops.mean(agrees), 1 / MAX_CAUTIOUS_SCALE)",
            "(ops.mean(agrees) + 1 / MAX_CAUTIOUS_SCALE)",
            "cautious",
        ),
        (
            "cautious decay where it disagrees",
            "ops.where(direction * weight >= 0,",
            "ops.where(direction * weight <= 0,",
            "cautious",
        ),
        (
            "cautious decay leaves out what does not move",
            "ops.where(direction * weight >= 0,",
            "ops.where(direction * weight > 0,",
            "cautious",
        ),
        (
            "momentum decays at every micro-step",
            "ops.where(first, momentum - one_minus_beta * momentum, momentum)",
            "momentum - one_minus_beta * momentum",
            "accumulation",
        ),
        (
            "sum of the window in the momentum",
            "(one_minus_beta / steps) * gradient",
            "one_minus_beta * gradient",
            "accumulation",
        ),
    ),
    *mutants(
        "lion",
        (
            "loaded decay not read",
            "        self._read_weight_decay_variable()\n",
            "        pass\n",
            "saving checkpoints",
        ),
        (
            "momentum overwritten before it is read",
            "new_momentum = after(new_momentum, assigned)",
            "pass",
            "memory_traffic",
        ),
        (
            "gradient rounded to the dtype of the variable",
            "gradient = ops.cast(self._row_gradient(index, gradient), dtype)",
            "gradient = ops.cast(ops.cast(gradient, variable.dtype), dtype)",
            "precision",
        ),
        (
            "learning rate rounded to the dtype of the variable",
            "learning_rate=ops.cast(learning_rate, dtype),\n"
            "            weight_decay=self._weight_decay_of(index, dtype),\n"
            "            betas=",
            "learning_rate=ops.cast(ops.cast(learning_rate, variable.dtype), dtype),\n"
            "            weight_decay=self._weight_decay_of(index, dtype),\n"
            "            betas=",
            "precision",
        ),
        (
            "decay without a mask",
            "return self._current_weight_decay(dtype) if self._decays[index] else 0.0",
            "return self._current_weight_decay(dtype)",
            "weight_decay",
        ),
        (
            "base class accumulates too",
            "self.gradient_accumulation_steps = self.gradient_accumulation_steps, None",
            "_ = self.gradient_accumulation_steps, None",
            "accumulation",
        ),
    ),
    *mutants(
        "weight_decay",
        (
            "decayed twice",
            "def _apply_weight_decay(",
            "def _apply_no_weight_decay(",
            "lion",
        ),
        (
            "new decay does not reach the variable",
            "self._weight_decay_variable.assign(weight_decay or 0.0)",
            "pass",
            "lion",
        ),
        (
            "decay baked into the compiled step",
            "        return self._weight_decay_variable\n",
            "        return self._weight_decay or 0.0\n",
            "lion",
        ),
        (
            "exclusions forgotten",
            "return wanted and variable not in self._excluded",
            "return wanted",
            "weight_decay",
        ),
        (
            "exclusions not saved",
            'config["excluded_from_weight_decay"] = self._excluded.patterns()',
            "pass",
            "weight_decay",
        ),
        (
            "vectors are matrices",
            "return len(variable.shape) >= 2",
            "return len(variable.shape) >= 1",
            "weight_decay",
        ),
        (
            "decay times the peak",
            "value = value / self._peak_learning_rate",
            "value = value * self._peak_learning_rate",
            "weight_decay",
        ),
    ),
    *mutants(
        "accumulation",
        (
            "step at the first of a window",
            "ops.equal(position, self.gradient_accumulation_steps - 1), finite",
            "ops.equal(position, 0), finite",
            "accumulation",
        ),
        (
            "sum of the window in the buffer",
            "return total / count, kept",
            "return total, kept",
            "accumulation",
        ),
        (
            "buffer not emptied",
            "kept = ops.where(last, ops.zeros_like(total), total)",
            "kept = total",
            "accumulation",
        ),
        (
            "bad micro-step kept in the buffer",
            "ops.cast(select(finite, kept, before), accumulator.dtype)",
            "ops.cast(kept, accumulator.dtype)",
            "accumulation",
        ),
        (
            "window ends with a bad micro-step",
            "ops.equal(position, self.gradient_accumulation_steps - 1), finite",
            "ops.equal(position, self.gradient_accumulation_steps - 1), True",
            "nonfinite",
        ),
        (
            "variables without a gradient in the last micro-step do not move",
            "both(last, ops.equal(now[index], 1))",
            "False",
            "accumulation",
        ),
        (
            "variables without any gradient in a window move",
            "both(last, ops.equal(now[index], 1))",
            "last",
            "accumulation",
        ),
        (
            "gradients of the last window count as gathered",
            "before = ops.where(first, ops.zeros_like(gathered), gathered)",
            "before = gathered",
            "accumulation",
        ),
        (
            "flush divides by the whole window",
            "count=position,",
            "count=self.gradient_accumulation_steps or 1,",
            "accumulation",
        ),
        (
            "flush leaves the window open",
            "self._iterations.assign_add(steps - position)",
            "pass",
            "accumulation",
        ),
        (
            "constraints forgotten without a gradient",
            "if gradient is None and variable.constraint is not None:",
            "if False:",
            "accumulation",
        ),
        (
            "an open window is not mentioned",
            "if position and not self._warned_of_open_window:",
            "if False:",
            "accumulation",
        ),
        (
            "window not clipped",
            "self._clip_gradients(list(grads)), trainable_variables, strict=True",
            "grads, trainable_variables, strict=True",
            "accumulation",
        ),
        (
            "average moves at every micro-step",
            "self.assign(average, select(applies, new, old))",
            "self.assign(average, new)",
            "accumulation",
        ),
        (
            "average starts from zero",
            "momentum = started * self.ema_momentum",
            "momentum = self.ema_momentum",
            "accumulation",
        ),
        (
            "average overwrites one update late",
            "ops.mod(self.iterations + 1, self.ema_overwrite_frequency), 0",
            "ops.mod(self.iterations, self.ema_overwrite_frequency), 0",
            "accumulation",
        ),
    ),
    *mutants(
        "backend",
        (
            "arithmetic in the dtype of the variable",
            'return "float64" if dtype == "float64" else "float32"',
            "return dtype",
            "stochastic_rounding precision",
        ),
    ),
    *mutants(
        "bufferless_accumulation",
        (
            "clipped window in the momentum",
            "and not (self.clipnorm or self.clipvalue or self.global_clipnorm)",
            "",
            "accumulation",
        ),
    ),
    *mutants(
        "nonfinite_guard",
        (
            "no select",
            "return new if condition is True else ops.where(condition, new, old)",
            "return new",
            "nonfinite",
        ),
        (
            "finiteness of the first gradient only",
            "for tensor in tensors]",
            "for tensor in tensors[:1]]",
            "nonfinite",
        ),
        (
            "any finite variable will do",
            "return ops.all(ops.stack(",
            "return ops.any(ops.stack(",
            "nonfinite",
        ),
        (
            "dropped step counted",
            "self._iterations.assign_sub(ops.cast(dropped, self._iterations.dtype))",
            "pass",
            "nonfinite",
        ),
    ),
    *mutants(
        "storage/momentum_storage",
        (
            "momentum in the dtype of the variable",
            "dtype = self.momentum_dtype or compute_dtype(variable)",
            "dtype = self.momentum_dtype or variable.dtype",
            "stochastic_rounding",
        ),
        (
            "tiny tensors in codes",
            "np.prod(variable.shape) < int8_code.FEWEST",
            "False",
            "int8_momentum",
        ),
        (
            "codes loaded as if they were floats",
            "if encoded == (self._scales[index] is not None):",
            "if True:",
            "int8_momentum",
        ),
        (
            "weights rounded as momenta are",
            "stream=OF_WEIGHTS",
            "stream=OF_MOMENTA",
            "stochastic_rounding",
        ),
    ),
    *mutants(
        "storage/int8_code",
        (
            "linear code decoded",
            "roots * ops.absolute(roots)",
            "roots",
            "int8_momentum",
        ),
        (
            "sign lost",
            "roots = ops.sign(blocks) * ops.sqrt(ops.absolute(blocks))",
            "roots = ops.sqrt(ops.absolute(blocks))",
            "int8_momentum",
        ),
        (
            "codes cut off, not rounded",
            'ops.cast(ops.round(roots / nonzero), "int8")',
            'ops.cast(roots / nonzero, "int8")',
            "int8_momentum",
        ),
        (
            "scale of the value, not of its root",
            "scales = ops.sqrt(_largest(ops.absolute(blocks))) / LARGEST",
            "scales = _largest(ops.absolute(blocks)) / LARGEST",
            "int8_momentum",
        ),
        (
            "a block of zeros divided by zero",
            "nonzero = ops.where(ops.equal(scales, 0), ops.ones_like(scales), scales)",
            "nonzero = scales",
            "int8_momentum",
        ),
    ),
    *mutants(
        "compiled_update",
        (
            "compiled once for all options",
            "            self._options(),\n",
            "            (),\n",
            "compiled_update",
        ),
        (
            "compiled once for all variables",
            "tuple(self._get_variable_index(v) for v in trainable_variables),",
            "(),",
            "compiled_update",
        ),
        (
            "learning rate of the first step for ever",
            "self._compiled.rates = (rates[0], rates[1])",
            "self._compiled.rates = self._rates()",
            "compiled_update",
        ),
        (
            "decay and learning rate swapped",
            "self._compiled.rates = (rates[0], rates[1])",
            "self._compiled.rates = (rates[1], rates[0])",
            "compiled_update",
        ),
        (
            "never compiled",
            "self.compile_update is False",
            "True",
            "compiled_update",
        ),
    ),
    *mutants(
        "storage/stochastic_rounding",
        (
            "nearest rounding",
            'if dtype != "bfloat16" or not stochastic:',
            "if True:",
            "stochastic_rounding",
        ),
        (
            "rounding towards zero",
            'ops.view(value, "int32") + halves',
            'ops.view(value, "int32")',
            "stochastic_rounding",
        ),
        (
            "half of the random numbers",
            "return ops.bitwise_and(bits, _int32(2**16 - 1))",
            "return ops.bitwise_and(bits, _int32(2**15 - 1))",
            "stochastic_rounding",
        ),
        (
            "weights and momenta rounded alike",
            "if stream == OF_WEIGHTS:",
            "if False:",
            "stochastic_rounding",
        ),
        (
            "an infinity rounded as a number",
            'ops.where(ops.isfinite(value), ops.view(upper, "float32"), value)',
            'ops.view(upper, "float32")',
            "stochastic_rounding",
        ),
        (
            "shift copies the sign",
            "_int32(2 ** (32 - places) - 1)",
            "_int32(-1)",
            "stochastic_rounding",
        ),
        (
            "the same rounding at every step",
            'ops.cast(step, "int32") * 65537 + (index + 1)',
            "_int32(index + 1)",
            "stochastic_rounding",
        ),
        (
            "the same rounding of every variable",
            "65537 + (index + 1)",
            "65537 + 1",
            "stochastic_rounding",
        ),
        (
            "NaN rounded as a number",
            'ops.where(ops.isfinite(value), ops.view(upper, "float32"), value)',
            'ops.view(upper, "float32")',
            "stochastic_rounding",
        ),
    ),
    *mutants(
        "state/checkpoint",
        (
            "saved hyperparameters always win",
            "elif self.restore_hyperparameters or name not in HYPERPARAMETERS:",
            "else:",
            "checkpoints",
        ),
        (
            "strict only warns",
            "if text and strict:",
            "if False:",
            "checkpoints",
        ),
        (
            "a state is lost before build",
            "pending, self._pending = self._pending, None",
            "pending = self._pending = None",
            "checkpoints copies",
        ),
        (
            "what is kept until build is not saved",
            "return SavedState(pending.variables, pending.slots, scalars)",
            "pass",
            "checkpoints copies",
        ),
        (
            "hyperparameters set after loading are lost",
            "self._pending = SavedState(state.variables, state.slots, later)",
            "self._pending = state",
            "checkpoints",
        ),
        (
            "any optimizer's numbers are taken for Lion's",
            'if name is not None and name.startswith("lion"):',
            "if True:",
            "checkpoints",
        ),
        (
            "another optimizer's slots are taken for ours",
            "there = ()  # of another kind",
            "pass  # of another kind",
            "checkpoint_situations",
        ),
        (
            "what does not fit is left as it was",
            "variable.assign(ops.zeros(variable.shape, variable.dtype))",
            "pass",
            "checkpoints",
        ),
        (
            "vectors of variables keep the saved order",
            "if value.ndim == 0 or matched is None:",
            "if True:",
            "accumulation",
        ),
        (
            "new average starts from zero",
            "elif slot in AT_THE_WEIGHTS:",
            "elif False:",
            "checkpoints",
        ),
        (
            "iterations not taken over",
            'self._scalars()["iteration"].assign(ops.copy(iteration))',
            "pass",
            "checkpoints",
        ),
    ),
    *mutants(
        "state/matching",
        (
            "state by order",
            'if trusted == "path":',
            "if False:",
            "matching checkpoints",
        ),
        (
            "paths hold though the weights moved",
            "if _moved_elsewhere(here, there, by_path):",
            "if False:",
            "matching",
        ),
        (
            "name of a Sequential must be the same",
            "for a in (own, _rootless(own))",
            "for a in (own,)",
            "matching saving",
        ),
        (
            "variables of one path share a slot",
            'names.append(f"{path}#{count}" if count else path)',
            "names.append(path)",
            "matching",
        ),
        (
            "numbered names never hold a place",
            'return None if reordered else "order"',
            "return None",
            "matching",
        ),
        (
            "given names that overlap hold a place",
            'return "path" if reordered else None',
            'return "path"',
            "matching",
        ),
        (
            "claimed variables go to others",
            "for i in set(contradicting) | {k for k in claimed if k is not None}:",
            "for i in contradicting:",
            "matching",
        ),
        (
            "shapes ignored",
            "k if k is not None and there[k].shape == variable.shape else None",
            "k",
            "matching",
        ),
    ),
    *mutants(
        "state/saved_state",
        (
            "a state of Keras by its first entries",
            "momenta = values[len(values) - len(here) :]",
            "momenta = values[-len(values) :][: len(here)]",
            "checkpoints",
        ),
        (
            "shapes of a state of Keras ignored",
            "or [m.shape for m in momenta] != [v.shape for v in here]",
            "",
            "checkpoints",
        ),
    ),
    *mutants(
        "hyperparameters",
        (
            "beta of one allowed",
            "not 0 <= beta < 1:",
            "not 0 <= beta <= 1:",
            "lion",
        ),
        (
            "beta of zero refused",
            "not 0 <= beta < 1:",
            "not 0 < beta < 1:",
            "lion",
        ),
    ),
    *mutants(
        "hyperparameters",
        (
            "every number is true or false",
            "or value not in (0, 1):",
            "or False:",
            "refused_arguments",
        ),
        (
            "the whole weight decays without a warning",
            "rate * decay < 1:",
            "rate * decay <= 1:",
            "refused_arguments",
        ),
        (
            "the peak counts where decay follows the schedule",
            "else rate / peak_learning_rate",
            "else rate",
            "refused_arguments",
        ),
        (
            "swapped betas without a warning",
            "if beta_1 > beta_2 > 0:",
            "if False:",
            "refused_arguments",
        ),
        (
            "a callable of the step accepted",
            "if needed is not None:",
            "if False:",
            "refused_arguments",
        ),
    ),
    *mutants(
        "gradients",
        (
            "gradients of another order accepted",
            "shape != expected:",
            "False:",
            "refused_arguments",
        ),
    ),
    *mutants(
        "base_arguments",
        (
            "a clip norm of zero allowed",
            "not 0 < value < math.inf",
            "not 0 <= value < math.inf",
            "refused_arguments",
        ),
        (
            "accumulation of one step allowed",
            "or value < 2:",
            "or value < 1:",
            "refused_arguments",
        ),
    ),
    *mutants(
        "from_adamw/conversion_reasons",
        (
            "short trainings by the steps alone",
            "elif steps * rate < SHORT_REACH:",
            "elif steps < 1000:",
            "conversion",
        ),
    ),
    *mutants(
        "from_adamw/conversion",
        (
            "the peak of a schedule not read",
            "None if schedule is None else peak_of(schedule) or None",
            "None",
            "conversion",
        ),
        (
            "clipping of the optimizer stays next to another kind",
            "if name not in CLIPPING}",
            "if True}",
            "conversion",
        ),
    ),
    *mutants(
        "lazy_rows",
        (
            "idle steps not made up for",
            "return factor * momentum",
            "return momentum",
            "lazy_embeddings",
        ),
        (
            "rows with a gradient of 0 touched",
            "return both(applies, touched)",
            "return both(applies, ops.ones_like(touched))",
            "lazy_embeddings",
        ),
        (
            "rows touched by a dropped step",
            "return both(applies, touched)",
            "return touched",
            "lazy_embeddings",
        ),
        (
            "idle time of a dense momentum counted from the start",
            "now = ops.cast(self.iterations, touched.dtype)",
            "now = ops.zeros((), touched.dtype)",
            "lazy_embeddings",
        ),
    ),
    *mutants(
        "lion",
        (
            "a touched row counts as touched one step before",
            "now = ops.cast(self.iterations + 1, touched.dtype)",
            "now = ops.cast(self.iterations, touched.dtype)",
            "lazy_embeddings",
        ),
        (
            "idle rows move on",
            "applies = self._is_touched(gradient, applies)",
            "_ = self._is_touched(gradient, applies)",
            "lazy_embeddings",
        ),
    ),
    *mutants(
        "lazy_embeddings",
        (
            "state of idle rows moves on",
            "                yield state",
            "                yield from ()",
            "lazy_keras_optimizers",
        ),
    ),
    *mutants(
        "backend",
        (
            "rows of one number not added up",
            'place = tf.cumsum(tf.cast(is_new, "int32")) - 1',
            "place = tf.range(tf.shape(numbers)[0])",
            "lazy_embeddings",
        ),
        (
            "replicas not added up",
            "summed = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, present))",
            "summed = iter(present)",
            "replicas",
        ),
        backend="tensorflow",
    ),
    *mutants(
        "lion",
        (
            "each replica clips its own gradients",
            "gradients = sum_over_replicas(gradients)",
            "gradients = sum_over_replicas(self._clip_gradients(gradients))",
            "replicas",
        ),
        backend="tensorflow",
    ),
    *mutants(
        "state/loss_scale",
        (
            "each replica decides on its own overflow",
            "return ops.equal(sum_over_replicas([bad])[0], 0)",
            "return ops.equal(bad, 0)",
            "replicas",
        ),
        backend="tensorflow",
    ),
    *mutants(
        "monitoring/step_statistics",
        (
            "c is the momentum",
            "c = momentum + betas.one_minus_beta_1 / betas.one_minus_beta_2 * moved",
            "c = momentum + moved",
            "diagnostics",
        ),
        (
            "no update counts as a flip",
            "_count(direction * last < 0)",
            "_count(direction * last <= 0)",
            "diagnostics",
        ),
        (
            "the change along the weights rotates them",
            "np.maximum(change - along**2 / old, 0)",
            "change",
            "diagnostics",
        ),
        (
            "the bound of the weights before",
            '"largest_weight": ops.max(ops.absolute(new))',
            '"largest_weight": ops.max(ops.absolute(old))',
            "diagnostics",
        ),
        (
            "stuck where one direction is blocked",
            "_count(ops.logical_and(*stays))",
            "_count(ops.logical_or(*stays))",
            "diagnostics",
        ),
    ),
    *mutants(
        "monitoring/update_meter",
        (
            "variables without decay have the decay of the others",
            "weight_decay * self._decayed",
            "weight_decay * np.ones_like(self._decayed)",
            "diagnostics",
        ),
    ),
    *mutants(
        "monitoring/diagnostics",
        (
            "mean of the bound",
            "np.max(tables, axis=0)[:, largest]",
            "np.mean(tables, axis=0)[:, largest]",
            "diagnostics",
        ),
        (
            "every update measured",
            "if updates % self.every == 0 and before.directions is not None:",
            "if before.directions is not None:",
            "diagnostics",
        ),
    ),
    *mutants(
        "related/lookahead",
        (
            "slow weights start from zero",
            "ops.where(first, weight, ops.convert_to_tensor(slow))",
            "ops.convert_to_tensor(slow)",
            "lookahead",
        ),
        (
            "the way back and the way on exchanged",
            "old + self.slow_step * (weight - old)",
            "weight + self.slow_step * (old - weight)",
            "lookahead",
        ),
        (
            "periods count micro-steps",
            "self.sync_period * (counting.gradient_accumulation_steps or 1)",
            "self.sync_period",
            "lookahead",
        ),
        (
            "synchronized at every step",
            "new = ops.where(last, ",
            "new = ops.where(True, ",
            "lookahead",
        ),
        (
            "constraints forgotten after a synchronization",
            "if variable.constraint is not None:",
            "if False:",
            "lookahead",
        ),
        (
            "slow weights not saved",
            'return {SLOW: getattr(self, "_slow_weights", [])}',
            "return {}",
            "lookahead",
        ),
    ),
    *mutants(
        "inner_optimizer",
        (
            "loss not scaled",
            "return self.inner_optimizer.scale_loss(loss)",
            "return loss",
            "lookahead",
        ),
        (
            "averages left out at the end",
            "self.inner_optimizer.finalize_variable_values(var_list)",
            "pass",
            "lookahead",
        ),
    ),
    *mutants(
        "related/wrapper",
        (
            "inner state not in a dictionary",
            "self.inner_optimizer.load_own_variables(inner)",
            "pass",
            "lookahead",
        ),
    ),
    *mutants(
        "related/layer_adaptive",
        (
            "rate of the next step",
            "self.inner_optimizer.apply(gradients, variables)\n",
            "self.inner_optimizer.apply(gradients, variables)\n"
            "        learning_rate = self.learning_rate\n",
            "layer_adaptive",
        ),
        (
            "no learning rate in the ratio",
            "ratio = learning_rate * of_weight / divisor",
            "ratio = of_weight / divisor",
            "layer_adaptive",
        ),
        (
            "norm of the weight after the step",
            "ratio = trust_ratio(old, step,",
            "ratio = trust_ratio(old + step, step,",
            "layer_adaptive",
        ),
        (
            "exclusions forgotten in the adaptation",
            "and variable not in self._not_adapted",
            "",
            "layer_adaptive",
        ),
        (
            "weights of zero stay",
            "return ops.where(positive, ratio, ops.ones_like(ratio))",
            "return ratio",
            "layer_adaptive",
        ),
    ),
    *mutants(
        "related/adax",
        (
            "weights of gradients off by one step",
            "t = ops.cast(self.iterations + 1, dtype)",
            "t = ops.cast(self.iterations + 2, dtype)",
            "adax",
        ),
        (
            "fixed average instead of growing weights",
            "newest = self.beta_2 / ops.expm1(t * math.log1p(self.beta_2))",
            "newest = self.beta_2 + 0.0 * t",
            "adax",
        ),
        (
            "weights that leave float32",
            "ops.expm1(t * math.log1p(self.beta_2))",
            "(ops.power(1.0 + self.beta_2, t) - 1.0)",
            "adax",
        ),
        (
            "no decay of AdaX",
            "* (step + decay)",
            "* step",
            "adax",
        ),
    ),
    *mutants(
        "related/adafactor",
        (
            "rows not divided by their mean",
            "r = r / ops.mean(r, axis=row - (row > column), keepdims=True)",
            "pass",
            "adafactor",
        ),
        (
            "the last two axes are factored",
            'second, first = np.argsort(shape, kind="stable")[-2:]',
            "second, first = len(shape) - 2, len(shape) - 1",
            "adafactor",
        ),
        (
            "steps not clipped",
            "update = update / ops.maximum(1.0, rms(update) / self.clip_threshold)",
            "pass",
            "adafactor",
        ),
        (
            "momentum of the gradient's size",
            "if self.scale_by_weights:",
            "if False:",
            "adafactor",
        ),
        (
            "product of averages that underflows",
            "* ops.expand_dims(ops.rsqrt(r), column)\n"
            "                * ops.expand_dims(ops.rsqrt(c), row)",
            "* ops.rsqrt(ops.expand_dims(r, column) * ops.expand_dims(c, row))",
            "adafactor",
        ),
    ),
    *mutants(
        "related/tiger",
        (
            "scale of vectors",
            "return 0.5 * rate",
            "return rate",
            "tiger",
        ),
        (
            "one scale for a table",
            'if "embeddings" in path_of(variable) and len(variable.shape) == 2:',
            "if False:",
            "tiger",
        ),
        (
            "bad steps move nothing",
            "shrunk = target + self.shrink * (weight - target)",
            "shrunk = weight",
            "tiger",
        ),
        (
            "vectors decay",
            "return not is_vector(variable) and super().decays(variable)",
            "return super().decays(variable)",
            "tiger",
        ),
        (
            "gamma shrinks to zero",
            'target = 1.0 if "gamma" in name_of(variable) else 0.0',
            "target = 0.0",
            "tiger",
        ),
    ),
    *mutants(
        "related/schedules",
        (
            "the first piece starts at its value",
            "[(0.0, 0.0), *self.points]",
            "[(0.0, self.points[0][1]), *self.points]",
            "related_schedules",
        ),
        (
            "the first step has no rate",
            "warm = ops.minimum((step + 1.0) /",
            "warm = ops.minimum(step /",
            "related_schedules",
        ),
        (
            "decay begins with the constant part",
            "over = step + 1.0 - self.warmup_steps - self.stable_steps",
            "over = step + 1.0 - self.warmup_steps",
            "related_schedules",
        ),
    ),
    *mutants(
        "related/zero_order_lion",
        (
            "one-sided slope",
            "(high - low) / (2 * self.radius)",
            "(high - low) / self.radius",
            "zero_order_lion",
        ),
        (
            "weights stay at the second probe",
            "self._move(variables, key, self.radius)\n            values",
            "values",
            "zero_order_lion",
        ),
        (
            "another direction for the update",
            "self.direction(variable, index, number, probe)",
            "self.direction(variable, index, number + 1, probe)",
            "zero_order_lion",
        ),
        (
            "the same direction for every variable",
            "[self.seed, step, probe, index]",
            "[self.seed, step, probe]",
            "zero_order_lion",
        ),
        (
            "the same direction at every step",
            "[self.seed, step, probe, index]",
            "[self.seed, probe, index]",
            "zero_order_lion",
        ),
    ),
]
