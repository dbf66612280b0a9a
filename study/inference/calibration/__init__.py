"""Is the posterior right? Simulated studies whose truth is known: ranks, and how often intervals hold it."""
