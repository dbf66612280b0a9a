"""The claims of the five source documents, as data: what each shows or says, and which article answers it."""

from dataclasses import dataclass

SOURCES = ("lab", "essay", "slides", "blog", "go")
ARTICLES = ("main", "kaplan", "limited", "atlas", "command line")


@dataclass(frozen=True)
class Claim:
    """One claim. `where` names the articles that answer it."""

    key: str
    source: str
    says: str
    where: tuple[str, ...]


CLAIMS = (
    Claim("lab-three-runs", "lab", "three isoFLOP runs give D_opt(1B) between 3 B and 100 B", ("main",)),
    Claim("lab-deliverables", "lab", "runs.csv, fit.json, iso-flop.png, prediction.md", ("command line",)),
    Claim("lab-isoflop", "lab", "the runs are isoFLOP, the losses follow from the constants", ("main",)),
    Claim("lab-twenty", "lab", "20 tokens a parameter is a deep structural property", ("atlas",)),
    Claim("lab-penalty", "lab", "four times off the optimum costs about 0.1 nat", ("main",)),
    Claim("lab-entropy", "lab", "E is the entropy of the text", ("main",)),
    Claim("lab-cleaner", "lab", "cleaner text lowers E by 0.1 to 0.3", ("atlas",)),
    Claim("lab-throughput", "lab", "throughput falls for small models; curve_fit fails from bad starts", ("main",)),
    Claim("amari", "essay", "four learning curves: $D^{-1}$, $D^{-2}$, $D^{-1/2}$, $E + D^{-1}$", ("kaplan",)),
    Claim("hestness-regions", "essay", "a small-data, a power-law and an irreducible region", ("kaplan",)),
    Claim("hestness-exponent", "essay", "architecture moves the offset, not the exponent", ("kaplan",)),
    Claim("hestness-size", "essay", "the best size grows as a power of the data", ("kaplan",)),
    Claim("rosenfeld", "essay", "a joint form fitted below thresholds predicts above them", ("kaplan",)),
    Claim("kaplan-powers", "essay", "L is a power law of N, D and C, each alone", ("kaplan",)),
    Claim("kaplan-overfitting", "essay", r"overfitting depends on $N^{\alpha_N/\alpha_D}/D$ alone", ("kaplan",)),
    Claim("kaplan-curves", "essay", "learning curves are power laws, nearly independent of size", ("kaplan",)),
    Claim("kaplan-efficiency", "essay", "larger models need fewer tokens for the same loss", ("kaplan",)),
    Claim("kaplan-train-test", "essay", "train and test loss go together", ("kaplan",)),
    Claim("six-n", "essay", "6 N FLOPs a token", ("main",)),
    Claim("three-methods", "essay", "Chinchilla's three methods agree", ("main", "atlas")),
    Claim("pearce-song", "essay", "Kaplan's exponent follows from small models without embedding", ("kaplan",)),
    Claim("toy", "essay", "a small difference in a fit is large after extrapolation", ("kaplan",)),
    Claim("figure-1", "slides", "one power law each, when the other two do not bind", ("kaplan",)),
    Claim("figure-2", "slides", "larger models reach a loss with fewer tokens", ("kaplan",)),
    Claim("figure-3", "slides", "a growing budget goes mostly into size", ("kaplan",)),
    Claim("figure-4", "slides", "early-stopped L(N, D) follows one equation", ("kaplan",)),
    Claim("figure-5", "slides", "aspect ratio matters mildly at a fixed size", ("kaplan",)),
    Claim("figure-6", "slides", "without the embedding, depths fall on one trend", ("kaplan",)),
    Claim("figure-8", "slides", "transfer depends on the training loss, not its phase", ("kaplan",)),
    Claim("figure-9", "slides", "the extent of overfitting collapses onto one ratio", ("kaplan",)),
    Claim("figure-10", "slides", "the critical batch doubles for every 13 % of loss", ("kaplan",)),
    Claim("figure-11", "slides", "L(N, S) holds at fixed compute and at fixed steps", ("kaplan",)),
    Claim("figure-12", "slides", "larger than optimal: more compute, fewer steps", ("kaplan",)),
    Claim("figure-13", "slides", "L is a power law of the adjusted compute $C_{min}$", ("kaplan",)),
    Claim("figure-14", "slides", r"$N_{opt} \propto C_{min}^{0.73}$, steps hardly grow", ("kaplan",)),
    Claim("gopher", "slides", "same compute, smaller, more tokens, better", ("main",)),
    Claim("downstream", "slides", "downstream tables: MMLU, LAMBADA, RACE", ("main",)),
    Claim("blog-size", "blog", "loss against size flattens on a small corpus only", ("kaplan",)),
    Claim("blog-data", "blog", "with compute fixed, more data falls, then flattens", ("kaplan",)),
    Claim("blog-compute", "blog", "compute in proportion to data removes the plateau", ("kaplan",)),
    Claim("blog-doubling", "blog", "doubling compute lowers the loss by 3.4 %", ("kaplan",)),
    Claim("blog-corpora", "blog", "WikiText-2, WikiText-103, OpenWebText", ("command line",)),
    Claim("go-best", "go", "all sizes reach the same best validation loss", ("limited",)),
    Claim("go-overfitting", "go", "overfitting grows with size", ("limited",)),
    Claim("go-earlier", "go", "larger models reach their best loss earlier", ("limited",)),
    Claim("go-frontier", "go", "the smallest is FLOP-optimal at every budget", ("limited",)),
    Claim("go-accuracy", "go", "policy accuracy does not improve with size", ("limited",)),
    Claim("go-floor", "go", "the floor is the data set's irreducible loss", ("limited",)),
    Claim("go-more", "go", "ten times the positions would help", ("limited",)),
    Claim("go-tables", "go", "tables and seven figures from its log", ("limited",)),
)


def claims_of(article: str) -> tuple[Claim, ...]:
    """The claims that an article answers, in the sources' order."""
    return tuple(claim for claim in CLAIMS if article in claim.where)
