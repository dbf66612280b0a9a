"""A file of runs in any of the ways people write one, to N, D and the loss of each row."""
