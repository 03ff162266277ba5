"""Made-up landscapes, and run records of a study of Lion and AdamW."""

import numpy as np
import pandas as pd

from keras_lion.robustness.landscape import Landscape

LION = {
    "learning_rate": [5e-4, 1e-3, 2e-3],
    "weight_decay": [0.5, 1.0, 2.0],
    "scores": [[74.89, 76.76, 77.20], [76.09, 77.50, 77.47], [77.57, 77.54, 77.54]],
}
ADAMW = {
    "learning_rate": [1.5e-3, 3e-3, 6e-3],
    "weight_decay": [0.15, 0.3, 0.6],
    "scores": [[73.41, 74.79, 75.56], [73.41, 75.67, 75.88], [74.05, 70.63, 67.67]],
}

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01, 0.1]
MEANS = np.array([[0.5, 0.6, 0.3], [0.4, 0.8, 0.2], [0.45, 0.7, 0.5]])


def noisy(seeds=4, scale=0.05, seed=0):
    """Seeds around `MEANS`."""
    noise = np.random.default_rng(seed).normal(0, scale, (3, 3, seeds))
    return Landscape(RATES, DECAYS, MEANS[..., None] + noise)


def run(optimizer="lion", learning_rate=1e-3, weight_decay=0.1, seed=0, **columns):
    """One record; `columns` replace the made-up values."""
    record = {
        "key": f"{optimizer}-{learning_rate:g}-{weight_decay:g}-{seed}",
        "study": "lr_wd",
        "preset": "standard",
        "task": "digits",
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "beta_1": 0.9,
        "beta_2": 0.99 if optimizer == "lion" else 0.999,
        "batch_size": 64,
        "seed": seed,
        "schedule": "cosine, warm-up 0.05",
        "epochs": 20,
        "steps": 320,
        "train_examples": 1024,
        "metric": "accuracy",
        "floor": 0.1,
        "status": "ok",
        "reason": None,
        "score": 0.9,
        "best_score": 0.91,
        "best_epoch": 18,
        "initial_loss": 2.3,
        "final_loss": 0.3,
        "test_score": np.nan,
        "seconds": 1.5,
        "backend": "tensorflow",
        "executor": "loop",
    }
    return record | columns


def study(size=5, seeds=3, shift=10**0.5, optimizers=("adamw", "lion"), noise=0.003):
    """Records of a grid with a λ = 0 row and diverging large learning rates."""
    generator = np.random.default_rng(0)
    records = []
    for optimizer in optimizers:
        k = shift if optimizer == "lion" else 1.0
        rates = 10 ** np.linspace(-3.5, -1.5, size) / k
        decays = [0.0, *(10 ** np.linspace(-2, 0, size) * k)]
        for i, decay in enumerate(decays):
            for j, rate in enumerate(rates):
                # A bowl around a middle rate, tilted along the product.
                x, y = 2 * j / (size - 1) - 1, 2 * max(i - 1, 0) / (size - 1) - 1
                width = 0.15 if optimizer == "lion" else 0.3
                loss = 0.25 + width * (x - 0.1) ** 2 + 0.1 * (x + y - 0.6) ** 2
                loss += 0.15 if i == 0 else 0.0
                for seed in range(seeds):
                    noisy = loss + generator.normal(0, noise)
                    bad = j == size - 1 and i == len(decays) - 1
                    bad |= j == size - 1 and i >= size - 1 and seed == 0
                    bad |= optimizer == "adamw" and j == size - 1 and i == size - 2
                    records.append(
                        run(
                            optimizer,
                            rate,
                            decay,
                            seed,
                            score=0.1 if bad else np.exp(-0.25 * noisy),
                            final_loss=np.nan if bad else noisy,
                            status="diverged" if bad else "ok",
                            reason="loss is not finite" if bad else None,
                        )
                    )
    return pd.DataFrame(records)
