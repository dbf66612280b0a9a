"""Many studies at once: how much the laws of different laboratories differ, and what that says about a new one.

coordinates -> population -> two_stage (posterior draws of each study, joined by Gibbs) and joint (NUTS on all rows) ->
informed (the fit of a new table with the population as its prior). `simulated` calibrates the two-stage posterior.
"""
