"""The appendix, report/appendix.qmd."""

PENDING = "not recorded yet"
