"""What `study fit` says of the study's own runs: its forecast test, its doubts, and the interval that it widens."""

from study.analysis.study import SEED, Study, once
from study.fit.argument import Argument, argue
from study.laws.errata import TARGET_N


@once
def argued(study: Study) -> Argument:
    """The fit of the grid's fitted runs, argued against as that of any table."""
    return argue(study.fit, study.posterior, TARGET_N, (), seed=SEED)
