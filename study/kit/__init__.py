"""Runs on a machine that reaches nothing: pack a folder here, run it there under a time limit, bring one archive back.

    pack -> (the folder travels) -> there: streams, speed, run -> (one archive travels) -> archive: unpack

What runs there imports torch and NumPy alone.
"""
