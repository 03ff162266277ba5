"""Each pair of betas is a contender."""

import pandas as pd

from keras_lion.robustness import selected_keys
from keras_lion.robustness.contenders import name_contenders

from .made_up import study


def runs(**columns):
    return pd.DataFrame({"task": "digits", "optimizer": "lion", **columns})


def test_one_pair_keeps_its_name():
    frame = runs(beta_1=[0.9, 0.9], beta_2=0.99)
    assert name_contenders(frame) is frame


def test_frames_without_betas_stay():
    frame = runs(seed=[0, 1])
    assert name_contenders(frame) is frame


def test_several_pairs_are_named_and_others_are_not():
    frame = pd.concat(
        [
            runs(beta_1=0.9, beta_2=[0.99, 0.999]),
            runs(beta_1=[0.9], beta_2=0.999).assign(optimizer="adamw"),
            runs(beta_1=[0.9], beta_2=0.99).assign(task="mnist1d"),
        ],
        ignore_index=True,
    )
    assert name_contenders(frame)["optimizer"].tolist() == [
        "lion 0.9/0.99",
        "lion 0.9/0.999",
        "adamw",
        "lion",
    ]
    assert frame["optimizer"].tolist() == ["lion", "lion", "adamw", "lion"]


def test_a_beta_that_an_optimizer_lacks_is_not_named():
    frame = runs(beta_1=[0.9, 0.95], beta_2=float("nan"))
    assert name_contenders(frame)["optimizer"].tolist() == ["lion 0.9", "lion 0.95"]


def test_each_pair_has_a_selected_cell():
    frame = study(size=2, seeds=1)
    others = frame[frame["optimizer"] == "lion"].assign(beta_2=0.98)
    others["key"] = others["key"] + "b"
    both = pd.concat([frame, others], ignore_index=True)
    chosen = selected_keys(both, "digits")
    assert set(chosen) == {"adamw", "lion 0.9/0.98", "lion 0.9/0.99"}
