"""The proposal of the fast fit: a grid that finds the posterior, then a mixture of Student-t kernels that follows it.

The grid zooms in on (ln alpha, ln beta, ln s) until it resolves the posterior, the three losses integrated out at each
node. Its nodes are the first mixture; each round draws from the mixture, weights the draws by the marginal posterior (the
two terms integrated out) and rebuilds the mixture from them (West 1993, J. R. Statist. Soc. B 55, 409). The kernels have
full support, so nothing is cut off at the edge of a grid.
"""

import numpy as np

from study.inference.fast.adapt import Adaptation, adapt
from study.inference.fast.mixture import KERNELS, Mixture, resample
from study.inference.fast.target import E_COLUMN, Target
from study.inference.parameters import Array

NODES = (13, 13, 9)  # of the zooming grid in ln alpha, ln beta, ln s
REACH = 4.5  # prior s.d. to each side where the grid begins
DEPTH = 10.0  # a node this far below the highest log density is outside
ZOOMS = 8
ELSEWHERE = {"E": 0.0, "g": 0.0, "nu": np.log(10.0), "tau": 0.7}  # where the grid holds the other coordinates
RULE = Adaptation(round=1500, least=2, most=30, enough=0.3)


def propose(target: Target, rng: np.random.Generator) -> Mixture:
    """Locate the posterior, then adapt until the mixture covers it or no longer gets better."""
    def evaluate(mixture: Mixture, count: int) -> tuple[Array, Array, Array]:
        x, start = mixture.draw(count, rng)
        psi, _, value = target.modes(x, start)
        return x, psi, value - mixture.log_density(x)

    return adapt(evaluate, locate(target, rng), RULE, rng)


def locate(target: Target, rng: np.random.Generator) -> Mixture:
    """Zoom a grid in on the posterior of (ln alpha, ln beta, ln s); E by its conditional, the rest by their prior."""
    bounds = np.array([target.gaussian_prior(name) for name in ("alpha", "beta", "s")])
    low, high = bounds[:, 0] - REACH * bounds[:, 1], bounds[:, 0] + REACH * bounds[:, 1]
    rest = np.array([ELSEWHERE[name] for name in target.free[E_COLUMN:]])
    for _ in range(ZOOMS):
        axes = [np.linspace(begin, end, count) for begin, end, count in zip(low, high, NODES, strict=True)]
        spacing = np.array([axis[1] - axis[0] for axis in axes])
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        x = np.column_stack([nodes, np.broadcast_to(rest, (len(nodes), len(rest)))])
        losses, precision, value = target.modes_with_E(x)
        inside = nodes[value > value.max() - DEPTH]
        new_low, new_high = np.maximum(low, inside.min(axis=0) - spacing), np.minimum(high, inside.max(axis=0) + spacing)
        resolved = np.prod((new_high - new_low) / (high - low)) > 0.6
        low, high = new_low, new_high
        if resolved:
            break
    keep = resample(value, KERNELS, rng)
    sd_E = np.sqrt(np.linalg.inv(precision[keep])[:, 0, 0])
    others = _prior_draws(target, KERNELS, rng)
    centres = np.column_stack([nodes[keep], losses[keep, 0] + sd_E * rng.standard_normal(KERNELS), others])
    width = np.concatenate([spacing, [np.median(sd_E)], 0.5 * others.std(axis=0)])
    return Mixture(centres, (np.diag(width), np.diag(2 * width)), losses[keep, 1:])


def _prior_draws(target: Target, count: int, rng: np.random.Generator) -> Array:
    columns = []
    for name in target.free[E_COLUMN + 1:]:
        if name == "g":
            columns.append(rng.normal(0, target.prior.g, count))
        elif name == "nu":
            columns.append(np.log(rng.gamma(target.prior.nu[0], 1 / target.prior.nu[1], count)))
        else:
            columns.append(np.sqrt(np.abs(rng.standard_normal(count))))
    return np.column_stack(columns) if columns else np.empty((count, 0))
