"""What `study fit` says about one table of runs: read it, fit it three ways, answer, write it down."""
