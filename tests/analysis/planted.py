"""Tables of runs with a planted law, for the analyses."""

import numpy as np
import pandas as pd

E, A, B, ALPHA, BETA, N0, D0 = 1.4, 0.9, 1.1, 0.32, 0.30, 2e5, 5e6


def loss(N: np.ndarray, D: np.ndarray) -> np.ndarray:
    return E + A * (N / N0) ** -ALPHA + B * (D / D0) ** -BETA


def grid(budgets: int = 5, sizes: int = 7, noise: float = 0.003, seed: int = 0) -> pd.DataFrame:
    """An isoFLOP grid over two decades."""
    C = np.repeat(np.geomspace(3e11, 3e13, budgets), sizes)
    N = np.sqrt(C / 6 / 20) * np.tile(np.geomspace(0.2, 5, sizes), budgets)
    # one ladder of sizes, so that a size has several budgets
    ladder = np.geomspace(2e4, 3e6, 14)
    N = ladder[np.abs(np.log(N[:, None] / ladder)).argmin(axis=1)]
    D = C / 6 / N
    measured = loss(N, D) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(N)))
    frame = pd.DataFrame({"budget": C, "N": N, "N_non_embedding": 0.8 * N, "N_total": 1.2 * N, "D": D, "C": 6 * N * D,
                          "loss": measured, "width": np.round(np.sqrt(N)), "layers": 3, "batch_tokens": 1024.0, "seed": 0})
    return frame.drop_duplicates(["budget", "N"]).reset_index(drop=True)


def curves(sizes: tuple[float, ...] = (1e5, 3e5, 1e6), batches: tuple[float, ...] = (1024.0,), points: int = 40,
           S_c: float = 900.0, alpha_S: float = 0.6, B_crit: float = 0.0, steepness: float = 4.0, noise: float = 0.0,
           seed: int = 0) -> pd.DataFrame:
    """Curves at a constant rate: L(N, S_min) with S_min = S / (1 + B_crit(L)/B) solved along each curve."""
    rng, rows = np.random.default_rng(seed), []
    for N in sizes:
        floor = E + A * (N / N0) ** -ALPHA
        for batch in batches:
            for level in np.geomspace(1.001, 4.0, points)[::-1] * (floor + 0.3):
                S_min = S_c * (level - floor) ** (-1 / alpha_S)
                S = S_min * (1 + B_crit * (level / 3.0) ** -steepness / batch)
                rows.append({"run_id": f"{N:g}-{batch:g}", "N": N, "batch": batch, "schedule": "constant", "step": S,
                             "tokens": S * batch, "validation_loss": level * np.exp(noise * rng.standard_normal()), "seed": 0})
    frame = pd.DataFrame(rows)
    return frame.assign(D=frame.groupby("run_id")["tokens"].transform("max"), C=6 * frame["N"] * frame["tokens"],
                        gradient_square=1.0, gradient_trace=5000 * (frame["validation_loss"] / 3) ** -steepness)
