"""Should you believe it: the held-out budget, identifiability, the three approaches, the alternatives to the law."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import SEED, TARGET_N, Analysis
from study.figures.design import colours
from study.figures.few import stages
from study.figures.sensitivity import laws
from study.inference.delta import delta_method
from study.inference.isoflop import vertex_shift
from study.inference.parameters import Array, Parameters
from study.inference.points import InferenceError
from study.inference.predictive import predict_losses

if TYPE_CHECKING:
    from IPython.display import Markdown

SURFACE = ("E", "tA", "tB", "alpha", "beta")
LAW_NAMES = {"hoffmann": "Hoffmann's form", "kaplan": "Kaplan's form", "nesting": "nesting family"}


@lru_cache(maxsize=4)
def held_out_predictions(study: Analysis) -> Array:
    """Posterior predictive losses of the held-out rows, (S, R)."""
    return np.asarray(predict_losses(study.posterior, study.held_out, seed=SEED))


def held_out(study: Analysis) -> Figure:
    """Predicted and measured loss of runs at more compute than any that was fitted."""
    rows = study.held_out
    if not len(rows):
        return style.note("No run of a held-out budget is recorded.")
    figure, ax = style.canvas(7.0, 3.4)
    predicted = held_out_predictions(study)
    order = np.argsort(rows["N"].to_numpy())
    x = rows["N"].to_numpy()[order]
    style.fan(ax, x, predicted.T[order], style.PREDICTIVE)
    ax.plot(x, rows["loss"].to_numpy()[order], "s", color=style.HELD_OUT, ms=6, mec="white", zorder=5)
    ax.set_xlim(x[0] / 1.3, x[-1] * 1.3)
    style.log_axis(ax, "x")
    ax.annotate(
        "measured",
        (x[-1], rows["loss"].to_numpy()[order][-1]),
        xytext=(8, 6),
        textcoords="offset points",
        color=style.HELD_OUT,
    )
    ax.annotate(
        "predicted",
        (x[-1], float(np.median(predicted[:, order[-1]]))),
        xytext=(8, -8),
        textcoords="offset points",
        color=style.PREDICTIVE,
    )
    style.panel(ax, "", "parameters $N$", "validation loss (nats/token)")
    return figure


def held_out_table(study: Analysis) -> "Markdown":
    """Each held-out run: measured, predicted, and where in its predictive distribution it fell."""
    rows = study.held_out
    if not len(rows):
        return text.absent("no run of a held-out budget is recorded")
    predicted = held_out_predictions(study)
    return text.table(
        [
            {
                "N": text.count(row.N),
                "D (tokens)": text.count(row.D),
                "C (exact FLOP)": text.power(row.C_exact),
                "measured": f"{row.loss:.4f}",
                "predicted": f"{np.median(predicted[:, i]):.4f}",
                "95 %": text.interval(*text.central(predicted[:, i]), lambda x: f"{x:.3f}"),
                "percentile": f"{100 * float(np.mean(predicted[:, i] < row.loss)):.0f}",
            }
            for i, row in enumerate(rows.itertuples())
        ]
    )


@lru_cache(maxsize=4)
def coverage(study: Analysis) -> dict[float, int]:
    """How many held-out runs fall inside each central predictive interval."""
    predicted, loss = held_out_predictions(study), study.held_out["loss"].to_numpy()
    out = {}
    for level in (0.5, 0.8, 0.95):
        low, high = np.quantile(predicted, [(1 - level) / 2, (1 + level) / 2], axis=0)
        out[level] = int(np.sum((loss >= low) & (loss <= high)))
    return out


def logs(values: Parameters) -> Array:
    """ln E, ln tA, ln tB, ln alpha, ln beta, shape (S, 5)."""
    return np.log(np.column_stack([getattr(values, name) for name in SURFACE]))


def eigenvalues(prior: Parameters, posterior: Parameters) -> Array:
    """Eigenvalues, ascending, of the posterior covariance of the surface's log-parameters in units of the prior's."""
    factor = np.linalg.inv(np.linalg.cholesky(np.cov(logs(prior).T)))
    return np.asarray(np.linalg.eigvalsh(factor @ np.cov(logs(posterior).T) @ factor.T))


def identifiability(study: Analysis) -> Figure:
    """Share of the prior's variance left in each of five directions, as runs are added."""
    figure, ax = style.canvas(7.0, 3.6)
    found = stages(study)
    values = np.array([eigenvalues(study.prior, stage.posterior.parameters) for stage in found])
    x = [len(stage.rows) for stage in found]
    tones = style.size_colours(range(5))
    ax.set_xlim(x[0] - 1, x[-1] * 1.05)
    ax.set_ylim(max(values.min() / 3, 1e-9), 3)
    for k in range(5):
        ax.plot(x, values[:, k], "o-", color=tones[k], ms=4)
    ax.axhline(1, color=style.MUTED, lw=0.8)
    style.log_axis(ax, "y", style.power)
    names = ["best known direction", "second", "third", "fourth", "least known"]
    style.line_labels(ax, x[-1], [(float(values[-1, k]), names[k], tones[k]) for k in range(5)], gap=0.07)
    ax.text(x[0], 1.2, "the prior's variance", color=style.MUTED, fontsize=7.5)
    style.panel(ax, "", "runs fitted", "posterior / prior variance")
    return figure


def contraction(study: Analysis) -> "Markdown":
    """1 - posterior variance / prior variance of each log-parameter, and the condition number of the correlation, by stage."""
    prior, rows = logs(study.prior).var(axis=0), []
    for stage in stages(study):
        values = logs(stage.posterior.parameters)
        left = 1 - values.var(axis=0) / prior
        rows.append(
            {
                "runs": stage.name,
                **{
                    f"{name}": f"{share:.2f}".replace("-", "−")
                    for name, share in zip(("ln E", "ln tA", "ln tB", "ln α", "ln β"), left, strict=True)
                },
                "condition number": text.significant(float(np.linalg.cond(np.corrcoef(values.T))), 2),
            }
        )
    return text.table(rows)


def approaches(study: Analysis) -> "Markdown":
    """The exponent and the answer by every approach on the same runs."""
    rows: list[dict[str, str]] = []

    def add(name: str, a: float, se: float, tokens: float, span: str) -> None:
        rows.append(
            {
                "approach": name,
                "a": text.significant(a),
                "s.e.": text.significant(se, 2) if np.isfinite(se) else text.ABSENT,
                f"D_opt at {text.count(TARGET_N)} (tokens)": text.count(tokens),
                "95 %": span,
            }
        )

    if study.envelope is not None:
        law = study.envelope.N_law
        add(
            "1: envelope of training curves",
            law.exponent,
            law.exponent_se,
            _tokens_at_target(law.exponent, law.intercept),
            text.ABSENT,
        )
    if study.isoflop is not None:
        law = study.isoflop.N_law
        add(
            "2: isoFLOP parabolas",
            law.exponent,
            law.exponent_se,
            _tokens_at_target(law.exponent, law.intercept),
            text.ABSENT,
        )
    surface = study.huber.surface
    try:
        method = delta_method(surface, study.fit["N"], study.fit["D"], study.fit["loss"])
        error, span = (
            method.standard_error(lambda s: s.a),
            text.interval(*method.interval(lambda s: s.D_opt_at(TARGET_N)), text.count),
        )
    except InferenceError:
        error, span = float("nan"), text.ABSENT
    add("3: parametric, Huber", float(surface.a), error, float(surface.D_opt_at(TARGET_N)), span)
    least = study.varpro.surface
    add(
        "3: parametric, variable projection",
        float(least.a),
        float("nan"),
        float(least.D_opt_at(TARGET_N)) if not study.varpro.at_bound else float("nan"),
        text.ABSENT,
    )
    draws = study.posterior.draws
    add(
        "3: parametric, posterior",
        float(np.median(draws.a)),
        float(np.std(draws.a)),
        float(np.median(draws.D_opt_at(TARGET_N))),
        text.interval(*text.central(draws.D_opt_at(TARGET_N)), text.count),
    )
    return text.table(rows)


def _tokens_at_target(exponent: float, intercept: float) -> float:
    return float(np.exp((np.log(TARGET_N) - intercept) / exponent) / (6 * TARGET_N))


def parabola_bias(study: Analysis) -> Figure:
    """Approach 2 without noise on the posterior's median surface: how far its vertex misses N_opt, by range of sizes."""
    figure, ax = style.canvas(6.6, 3.0)
    draws = study.posterior.draws
    reaches = np.linspace(1.3, 12, 30)
    pick = np.linspace(0, len(draws.alpha) - 1, 200).astype(int)
    shift = np.array(
        [
            [np.expm1(vertex_shift(draws.alpha[i], draws.beta[i], np.linspace(-np.log(r), np.log(r), 7))) for i in pick]
            for r in reaches
        ]
    )
    style.fan(ax, reaches, 100 * shift, style.POSTERIOR)
    ax.axhline(0, color=style.MUTED, lw=0.8)
    ax.set_xlim(reaches[0], reaches[-1])
    style.log_axis(ax, "x", lambda x: f"×{x:g}")
    style.panel(ax, "", "sizes from $N_{opt}$ divided to $N_{opt}$ multiplied by", "vertex − $N_{opt}$ (%)")
    return figure


@lru_cache(maxsize=4)
def comparison(study: Analysis) -> pd.DataFrame | None:
    """PSIS-LOO and stacking weights of the three laws (density of ln L, so the laws compare); None unless two were drawn by NUTS."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz as az

        found = {name: fitted.posterior.idata for name, fitted in laws(study).items() if fitted.posterior.idata is not None}
        return az.compare(found, ic="loo", method="stacking", var_name="ln_L") if len(found) > 1 else None


def law_table(study: Analysis) -> "Markdown":
    """Each law's predictive density, weight and answer; then the stacked answer."""
    compared = comparison(study)
    if compared is None:
        return text.absent("fewer than two laws converged under NUTS on these runs")
    rows = []
    for name in compared.index:
        draws = laws(study)[name].posterior.draws
        row = compared.loc[name]
        rows.append(
            {
                "law": LAW_NAMES[name],
                "elpd − best": text.significant(-float(row["elpd_diff"]), 2),
                "s.e.": text.significant(float(row["dse"]), 2),
                "stacking weight": f"{float(row['weight']):.2f}",
                "D_opt (tokens)": text.count(float(np.median(draws.D_opt_at(TARGET_N)))),
                "95 %": text.interval(*text.central(draws.D_opt_at(TARGET_N)), text.count),
            }
        )
    tokens = stacked(study)
    rows.append(
        {
            "law": "stacked",
            "elpd − best": "",
            "s.e.": "",
            "stacking weight": "",
            "D_opt (tokens)": text.count(float(np.median(tokens))),
            "95 %": text.interval(*text.central(tokens), text.count),
        }
    )
    return text.table(rows)


def stacked(study: Analysis) -> Array:
    """Draws of D_opt at the target from the laws in proportion to their stacking weights."""
    compared = comparison(study)
    if compared is None:
        return np.asarray(study.posterior.draws.D_opt_at(TARGET_N))
    rng, parts = np.random.default_rng(SEED), []
    for name in compared.index:
        tokens = np.asarray(laws(study)[name].posterior.draws.D_opt_at(TARGET_N))
        parts.append(rng.choice(tokens, round(4000 * float(compared.loc[name, "weight"]))))
    return np.concatenate(parts)


def residual_map(study: Analysis) -> Figure:
    """Residuals of ln L in the plane of (N, D): a pattern there is misfit of the law."""
    figure, ax = style.canvas(6.6, 3.8)
    rows = study.fit
    fitted = np.median(study.posterior.draws.loss(rows["N"].to_numpy()[:, None], rows["D"].to_numpy()[:, None]), axis=1)
    residual = 100 * (np.log(rows["loss"].to_numpy()) - np.log(fitted))
    reach = float(np.abs(residual).max())
    dots = ax.scatter(
        rows["N"],
        rows["D"],
        c=residual,
        s=20 + 160 * np.abs(residual) / reach,
        cmap="RdBu_r",
        vmin=-reach,
        vmax=reach,
        edgecolor=[colours(study)[b] for b in rows["budget"]],
        linewidth=1,
    )
    figure.colorbar(dots, ax=ax, label="ln L, measured − law (%)", shrink=0.8)
    ax.set_xlim(rows["N"].min() / 1.5, rows["N"].max() * 1.5)
    ax.set_ylim(rows["D"].min() / 2, rows["D"].max() * 2)
    style.log_axis(ax, "x")
    style.log_axis(ax, "y")
    style.panel(ax, "", "parameters $N$", "training tokens $D$")
    return figure
