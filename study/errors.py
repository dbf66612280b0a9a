"""Errors a person can act on: the command line prints one line and leaves with code 2."""


class StudyError(Exception):
    """Bad input or an environment that cannot do the job. The message is one line that says what to do."""
