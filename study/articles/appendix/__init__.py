"""The appendix, report/appendix.qmd."""
