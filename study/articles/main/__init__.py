"""The main article, report/index.qmd."""
