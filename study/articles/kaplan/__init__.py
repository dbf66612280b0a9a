"""Kaplan's laws, again: one factor at a time, on runs anyone can repeat. `data.load` gives what every section reads."""
