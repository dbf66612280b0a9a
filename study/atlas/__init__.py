"""The atlas: every open table of runs, alone and together, and what they say about a study that nobody has seen.

tables -> alone -> together -> leave_out -> records (runs/published/atlas/) and the prior that `study fit --prior atlas` reads.
"""
