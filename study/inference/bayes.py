"""The Bayesian model of L(N, D) in PyMC, compiled once a form by nutpie and fed each table as data.

Sampled coordinates: L0, the loss at the reference (N0, D0); gA = ln(alpha p) and gB = ln(beta q), its two local slopes in
ln N and ln D, where p + q = L0 - E; ln alpha; ln beta. For Hoffmann's form p = tA and q = tB. On the 240 Chinchilla points
the posterior's correlation has condition number 16,019 in (ln A, alpha), 1,655 centred, 13 in these. The priors are those
of `priors.py` on (E, tA, tB): d(E, ln tA, ln tB) / d(L0, gA, gB) has determinant kappa.

Kaplan's form has no E: its coordinates are ln L0, the logit of the share of N's term, ln alpha and ln beta.
"""

import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from study.inference.compiling import compile_model
from study.inference.priors import Priors
from study.laws.hoffmann import additive
from study.laws.nesting import log_norm

with warnings.catch_warnings():
    # ArviZ announces its coming refactor; PyTensor asks for a BLAS that this model, which multiplies no matrices, never uses
    warnings.filterwarnings("ignore", category=FutureWarning, module="arviz")
    warnings.filterwarnings("ignore", message="PyTensor could not link to a BLAS")
    import pymc as pm
    import pytensor.tensor as pt
    from pytensor.configdefaults import config as pytensor_config

pytensor_config.blas__ldflags = ""  # else PyTensor looks for one, and warns, when the first model is compiled

__all__ = ["GROUP_SLOTS", "HYPERPARAMETERS", "ROWS", "build_model", "compiled", "coordinates", "natural", "pm", "pt"]

ROWS = ("n", "d", "c", "y", "repeats", "group")  # of the data matrix: ln N/N0, ln D/D0, log10 C/(6 N0 D0), ln L, ...
HYPERPARAMETERS = tuple(Priors.__dataclass_fields__)
GROUP_SLOTS = 8  # group effects come in multiples of this, so that subsets of a design share one compiled model

Form = tuple[str, bool, bool, str]
Surface = tuple[Any, Any, Any, Any, Any, Any]  # E, ln tA, ln tB, ln alpha, ln beta, kappa


def coordinates(law: str) -> tuple[str, ...]:
    """Names of the coordinates of the surface that NUTS sees, in order."""
    return ("ln_L0", "logit_share", "ln_alpha", "ln_beta") if law == "kaplan" else ("L0", "gA", "gB", "ln_alpha", "ln_beta")


def build_model(form: Form, slots: int) -> pm.Model:
    """The model of one form (`ModelSpec.form`); `slots` group effects, of which a table may use fewer.

    Data, swapped without recompiling: `rows` (6, R), see ROWS; `priors` (8, 2), the constants of `Priors`; `start` (5, 6),
    origin and Cholesky factor of the coordinates of the surface, so that NUTS sees them nearly white even where a design
    leaves ridges; `shear` (5, slots), how they follow the group effects; `seeds` (2,), sum of squares of ln L inside cells
    and its degrees of freedom.
    """
    noise, scale_slope, grouped, law = form
    size = len(coordinates(law))
    with pm.Model() as model:
        # few shared arrays, because each costs half a second of compilation
        rows, constants = pm.Data("rows", np.ones((len(ROWS), 1))), pm.Data("priors", np.ones((len(HYPERPARAMETERS), 2)))
        start = pm.Data("start", np.ones((5, 6)))
        n, d, c, y, repeats, group = (rows[i] for i in range(len(ROWS)))
        hyper = {name: constants[i] for i, name in enumerate(HYPERPARAMETERS)}

        x = pm.Flat("x", shape=size, initval=np.zeros(size))
        ln_s = pm.Normal("ln_s", hyper["s"][0], hyper["s"][1])
        point, effect = start[:size, 0] + (start[:size, 1:size + 1] * x).sum(axis=1), 0.0
        if grouped:
            u = pm.HalfNormal("tau", hyper["tau"][0]) * pm.Normal("z", shape=slots)  # non-centred: tau may be near 0
            # given u, the surface makes up for what it can; as a shear this has determinant 1
            point, effect = point - (pm.Data("shear", np.zeros((5, slots)))[:size] * u).sum(axis=1), u[group.astype("int64")]
        surface = _kaplan(point, hyper) if law == "kaplan" else _slopes(point, hyper, law)
        E, ln_tA, ln_tB, ln_alpha, ln_beta, kappa = surface
        if law == "hoffmann":
            fitted = additive(E, ln_tA, ln_tB, pt.exp(ln_alpha), pt.exp(ln_beta), n, d, pt)
        else:
            fitted = E + pt.exp(log_norm(ln_tA, ln_tB, pt.exp(ln_alpha), pt.exp(ln_beta), kappa, n, d, pt))
        centre = pt.log(pt.maximum(fitted, 1e-12)) + effect

        sigma = pt.exp(ln_s + (pm.Normal("g", 0.0, hyper["g"][0]) * c if scale_slope else 0.0 * c))
        if noise == "seed":
            sigma = pt.sqrt(sigma**2 + _seed_variance(hyper) / repeats)
        if noise == "normal":
            pm.Normal("ln_L", centre, sigma, observed=y)
        else:
            nu = pm.Gamma("nu", alpha=hyper["nu"][0], beta=hyper["nu"][1])
            pm.StudentT("ln_L", nu=nu, mu=centre, sigma=sigma, observed=y)
    return model


@lru_cache(maxsize=16)
def compiled(form: Form, slots: int) -> Any:
    """The compiled model of a form: about ten seconds, once a process."""
    # derived quantities are computed in numpy afterwards: compiling them too would double the wait
    return compile_model(build_model(form, slots), var_names=[])


def natural(x: dict[str, Any], start: Any, shear: Any, law: str) -> dict[str, Any]:
    """Sampled draws, x of shape (..., 5), to the natural scale: E, tA, tB, alpha, beta, s, ... and the coordinates."""
    out = {"s": np.exp(x["ln_s"])}
    for name, raw in (("nu", "nu_log__"), ("tau", "tau_log__"), ("s_seed", "ln_s_seed"), ("kappa", "ln_kappa")):
        if raw in x:
            out[name] = np.exp(x[raw])
    if "g" in x:
        out["g"] = x["g"]
    if "z" in x:
        out["u"] = out["tau"][..., None] * x["z"]
    names = coordinates(law)
    point = start[:len(names), 0] + x["x"] @ start[:len(names), 1:len(names) + 1].T
    if "u" in out:
        point = point - out["u"] @ shear[:len(names)].T
    alpha, beta = np.exp(point[..., -2]), np.exp(point[..., -1])
    if law == "kaplan":
        E, share = np.zeros_like(beta), point[..., 1]
        tA, tB = (np.exp(point[..., 0] - beta * np.logaddexp(0.0, sign * share)) for sign in (-1.0, 1.0))
        out["kappa"] = beta
    else:
        ln_p, ln_q = point[..., 1] - point[..., 3], point[..., 2] - point[..., 4]
        total = np.logaddexp(ln_p, ln_q)
        E = point[..., 0] - np.exp(total)
        tA, tB = (np.exp(total + out.get("kappa", 1.0) * (term - total)) for term in (ln_p, ln_q))
    return {**{name: point[..., i] for i, name in enumerate(names)}, "E": E, "tA": tA, "tB": tB, "alpha": alpha,
            "beta": beta, **out}


def _slopes(point: Any, hyper: dict[str, Any], law: str) -> Surface:
    L0, gA, gB, ln_alpha, ln_beta = (point[i] for i in range(5))
    ln_p, ln_q = gA - ln_alpha, gB - ln_beta
    E = L0 - pt.exp(ln_p) - pt.exp(ln_q)
    ln_tA, ln_tB, ln_kappa = ln_p, ln_q, pt.as_tensor(0.0)
    if law == "nesting":
        ln_kappa = pm.Normal("ln_kappa", hyper["kappa"][0], hyper["kappa"][1])
        total = pt.logaddexp(ln_p, ln_q)
        ln_tA, ln_tB = (total + pt.exp(ln_kappa) * (term - total) for term in (ln_p, ln_q))
    # the priors of (E, tA, tB) in the coordinates (L0, gA, gB): their densities times the determinant, kappa
    ln_E = pt.log(pt.switch(E > 0, E, 1.0))
    pm.Potential("prior_E", pt.switch(E > 0, _normal(ln_E, hyper["E"]) - ln_E, -np.inf))
    pm.Potential("prior_terms", _normal(ln_tA, hyper["t"]) + _normal(ln_tB, hyper["t"]) + ln_kappa)
    _exponents(ln_alpha, ln_beta, hyper)
    return E, ln_tA, ln_tB, ln_alpha, ln_beta, pt.exp(ln_kappa)


def _kaplan(point: Any, hyper: dict[str, Any]) -> Surface:
    ln_L0, share, ln_alpha, ln_beta = (point[i] for i in range(4))
    kappa = pt.exp(ln_beta)
    ln_tA, ln_tB = ln_L0 - kappa * pt.softplus(-share), ln_L0 - kappa * pt.softplus(share)
    # d(ln tA, ln tB) / d(ln L0, logit share) has determinant kappa = beta
    pm.Potential("prior_terms", _normal(ln_tA, hyper["t"]) + _normal(ln_tB, hyper["t"]) + ln_beta)
    _exponents(ln_alpha, ln_beta, hyper)
    return pt.as_tensor(0.0), ln_tA, ln_tB, ln_alpha, ln_beta, kappa


def _seed_variance(hyper: dict[str, Any]) -> Any:
    # the sum of squares inside cells is s_seed^2 times a chi-squared
    seeds = pm.Data("seeds", np.ones(2))
    ln_s_seed = pm.Normal("ln_s_seed", hyper["s"][0], hyper["s"][1])
    pm.Potential("inside_cells", -seeds[1] * ln_s_seed - 0.5 * seeds[0] * pt.exp(-2.0 * ln_s_seed))
    return pt.exp(2.0 * ln_s_seed)


def _exponents(ln_alpha: Any, ln_beta: Any, hyper: dict[str, Any]) -> None:
    pm.Potential("prior_exponents", _normal(ln_alpha, hyper["exponent"]) + _normal(ln_beta, hyper["exponent"]))


def _normal(value: Any, mu_sigma: Any) -> Any:
    return -0.5 * ((value - mu_sigma[0]) / mu_sigma[1]) ** 2 - pt.log(mu_sigma[1])
