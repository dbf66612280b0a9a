"""The proposal of the fast fit: a grid that finds the posterior, then a mixture of Student-t kernels that follows it.

The grid zooms in on (ln alpha, ln beta, ln s) until it resolves the posterior, the three log terms integrated out at each
node. Its nodes are the first mixture; each round draws from the mixture, weights the draws by the marginal posterior (the
two terms integrated out) and rebuilds the mixture from them (West 1993, J. R. Statist. Soc. B 55, 409). The kernels have
full support, so nothing is cut off at the edge of a grid.
"""

from dataclasses import dataclass

import numpy as np

from study.inference.fast.adapt import Adaptation, adapt
from study.inference.fast.mixture import KERNELS, Mixture, resample
from study.inference.fast.target import E_COLUMN, Target
from study.inference.parameters import Array

NODES = (13, 13, 9)  # of the zooming grid in ln alpha, ln beta, ln s
REACH = 4.5  # prior s.d. to each side where the grid begins
DEPTH = 10.0  # a node this far below the highest log density is outside
ZOOMS = 8
PART = 1000  # rows, at least, that the first steps of the zoom see
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
    """Zoom a grid in on the posterior of (ln alpha, ln beta, ln s); E by its conditional, the rest by their prior.

    Of many rows a part is enough for the first steps: its posterior is wider and holds that of all rows.
    """
    bounds = np.array([target.gaussian_prior(name) for name in ("alpha", "beta", "s")])
    box = np.array([bounds[:, 0] - REACH * bounds[:, 1], bounds[:, 0] + REACH * bounds[:, 1]])
    rest = np.array([ELSEWHERE[name] for name in target.free[E_COLUMN:]])
    every = len(target.y) // PART
    if every > 1:
        box = _zoom(target.thinned(every), box, rest).box
    found = _zoom(target, box, rest)
    keep = resample(found.value, KERNELS, rng)
    sd_E = np.sqrt(np.linalg.inv(found.precision[keep])[:, 0, 0])
    others = _prior_draws(target, KERNELS, rng)
    centres = np.column_stack([found.nodes[keep], found.losses[keep, 0] + sd_E * rng.standard_normal(KERNELS), others])
    width = np.concatenate([found.spacing, [np.median(sd_E)], 0.5 * others.std(axis=0)])
    return Mixture(centres, (np.diag(width), np.diag(2 * width)), found.losses[keep, 1:])


@dataclass(frozen=True)
class _Zoomed:
    box: Array  # (2, 3) lower and upper ends of ln alpha, ln beta, ln s, one node beyond what has density
    spacing: Array  # (3,) of the nodes evaluated last
    nodes: Array  # (M, 3)
    losses: Array  # (M, 3) modes of ln E, ln tA, ln tB
    precision: Array  # (M, 3, 3)
    value: Array  # (M,) log marginal posterior


def _zoom(target: Target, box: Array, rest: Array) -> _Zoomed:
    for _ in range(ZOOMS):
        axes = [np.linspace(begin, end, count) for begin, end, count in zip(*box, NODES, strict=True)]
        spacing = np.array([axis[1] - axis[0] for axis in axes])
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        losses, precision, value = target.modes_with_E(np.column_stack([nodes, np.broadcast_to(rest, (len(nodes), len(rest)))]))
        inside = nodes[value > value.max() - DEPTH]
        new = np.array([np.maximum(box[0], inside.min(axis=0) - spacing), np.minimum(box[1], inside.max(axis=0) + spacing)])
        resolved = np.prod((new[1] - new[0]) / (box[1] - box[0])) > 0.6
        box = new
        if resolved:
            break
    return _Zoomed(box, spacing, nodes, losses, precision, value)


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
