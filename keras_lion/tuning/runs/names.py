"""What columns of other tools are called, and what a column's name implies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from keras_lion.tuning.metric_names import HIGHER, LOWER, direction_of
from keras_lion.tuning.metric_names import Direction as Direction

# hyperparameter: searched by a tool. setting: an entry of a run's configuration, which
# may be a name or a path. metric: measured. bookkeeping: of the tool itself.
Kind = Literal["hyperparameter", "setting", "metric", "bookkeeping"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Column of the records → its names elsewhere, in lower case and without a prefix such
# as `config.` or `params_`.
NAMES: Mapping[str, str] = {
    "task": "task dataset dataset_name",
    "optimizer": "optimizer opt optim optimizer_name optimizer_type optim_name",
    "learning_rate": "learning_rate lr base_lr base_learning_rate peak_lr max_lr "
    "peak_learning_rate initial_lr init_lr optimizer_lr optim_lr "
    "optimizer_learning_rate",
    "weight_decay": "weight_decay wd lambda weightdecay optimizer_weight_decay "
    "optimizer_wd optim_weight_decay optim_wd",
    "beta_1": "beta_1 beta1 b1 adam_beta1 optimizer_beta_1 optimizer_beta1",
    "beta_2": "beta_2 beta2 b2 adam_beta2 optimizer_beta_2 optimizer_beta2",
    "batch_size": "batch_size bs batchsize train_batch_size",
    "seed": "seed random_seed rng_seed random_state manual_seed global_seed repeat "
    "repetition replicate replica",
    "schedule": "schedule lr_schedule lr_scheduler scheduler",
    "epochs": "epochs num_epochs n_epochs max_epochs tuner_epochs",
    "steps": "steps num_steps max_steps total_steps train_steps",
    "train_examples": "train_examples num_train_examples",
    "status": "status state",
    "score": "score value val_accuracy val_acc valid_accuracy valid_acc "
    "validation_accuracy validation_epoch_accuracy eval_accuracy eval_acc",
    "final_loss": "final_loss val_loss valid_loss validation_loss "
    "validation_epoch_loss eval_loss",
    "initial_loss": "initial_loss",
    "test_score": "test_score",
    "seconds": "seconds runtime duration",
}
TARGETS = {name: target for target, names in NAMES.items() for name in names.split()}
ALIASES = {"metric": "score"}  # also accepted as the name of a target
# What configurations differ in; runs of one configuration differ in the seed.
CONFIGURATION = (
    "task",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "beta_1",
    "beta_2",
    "batch_size",
    "schedule",
    "epochs",
    "steps",
    "train_examples",
)
TEXTS = ("task", "optimizer", "schedule", "status")
RESULTS = ("score", "final_loss", "initial_loss", "test_score", "seconds")
# Where each optimizer may have a column of its own: `params_adamw_lr`, `lr_lion`.
BY_OPTIMIZER = ("learning_rate", "weight_decay", "beta_1", "beta_2")
OPTIMIZERS = _words(
    "adabelief adadelta adafactor adagrad adam adamax adamw adan lamb lars lion "
    "muon nadam nadamw radam rmsprop sgd sgdw shampoo signsgd soap sophia tiger"
)

# Of the tool itself, or when and where a run was made: never a configuration.
BOOKKEEPING = _words(
    "created created_at updated updated_at user host hostname start_time end_time "
    "datetime_start datetime_complete timestamp heartbeat_at url runtime duration "
    "tuner_initial_epoch tuner_bracket tuner_round tuner_trial_id"
)
# Names of runs, if no two of them are equal; perhaps of groups, if some are.
IDENTIFIERS = _words(
    "unnamed_0 number index id name key uuid run run_id run_name run_number trial "
    "trial_id trial_number display_name experiment_id experiment_name log_dir "
    "logdir output_dir save_dir path"
) | {""}
# A column whose name ends so and that holds numbers was measured.
_MEASURED = (LOWER | HIGHER | {"runtime", "seconds", "duration", "time"}) - {
    "precision",  # 16 or 32 bits, perhaps
    "reward",
}
_PREFIXES: Mapping[str, Kind | None] = {
    "config": "setting",
    "params": "hyperparameter",
    "hparams": "hyperparameter",
    "hyperparameters": "hyperparameter",
    "summary": "metric",
    "user_attrs": None,
    "system_attrs": None,
}
_FOLDERS: Mapping[str, Kind | None] = {
    "args": "setting",
    "cfg": "setting",
    "hp": "hyperparameter",
    "hparam": "hyperparameter",
    "metrics": "metric",
    "results": "metric",
}
_PREFIX = re.compile(
    rf"^(?:({'|'.join(_PREFIXES)})[._/]|({'|'.join(_FOLDERS)})[./])", re.IGNORECASE
)
_OBJECTIVE = re.compile(r"^values_\w+$")  # of Optuna, with several objectives


def plain_name(column: str) -> str:
    """A column's name in lower case, without its prefix, words joined by `_`."""
    return re.sub(r"[^a-z0-9]+", "_", own_name(column).lower()).strip("_")


def own_name(column: str) -> str:
    """A column's name without its tool's prefix: `depth` for `config.depth`."""
    column = column.strip()
    name = _PREFIX.sub("", column) or column
    # W&B's files keep the entries of a configuration as {"lr": {"value": 0.1}}.
    return name.removesuffix(".value") if kind_of_name(column) == "setting" else name


def kind_of_name(column: str) -> Kind | None:
    """The kind that a column's name implies; None if it implies none."""
    column = column.strip().lower()
    prefix = _PREFIX.match(column)
    name = column[prefix.end() :] if prefix else column
    if name.startswith("_") or name.endswith((".desc", "/desc")):
        return "bookkeeping"
    if re.sub(r"[^a-z0-9]+", "_", name).strip("_") in BOOKKEEPING:
        return "bookkeeping"
    if prefix and (kind := {**_PREFIXES, **_FOLDERS}[prefix[1] or prefix[2]]):
        return kind
    return "metric" if _OBJECTIVE.match(column) else None


def sounds_measured(column: str) -> bool:
    """Whether a name ends as those of metrics do: `train_loss`, `f1`, `epoch_time`."""
    return plain_name(column).split("_")[-1] in _MEASURED


def direction_of_name(column: str) -> Direction | None:
    """Whether larger values are better; None if the name implies neither, or both."""
    return direction_of(plain_name(column))


def optimizer_of_name(column: str, target: str, optimizers: set[str]) -> str | None:
    """The optimizer whose `target` a column such as `adamw_lr` or `lr_lion` holds."""
    name = plain_name(column).removeprefix("optimizer_")
    for optimizer in optimizers:
        if name.startswith(f"{optimizer}_"):
            rest = name.removeprefix(f"{optimizer}_")
        elif name.endswith(f"_{optimizer}"):
            rest = name.removesuffix(f"_{optimizer}")
        else:
            continue
        if TARGETS.get(rest) == target:
            return optimizer
    return None
