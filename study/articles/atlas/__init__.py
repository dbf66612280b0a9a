"""The article on every open table of runs, report/atlas.qmd. Its functions read the recorded atlas."""
