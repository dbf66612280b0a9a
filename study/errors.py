"""Errors a person can act on: the command line prints one line and leaves with code 2."""


class StudyError(Exception):
    """Bad input or an environment that cannot do the job. The message is one line that says what to do."""


class Interrupted(StudyError):
    """A run was asked to stop; a checkpoint holds all it did."""


def first_line(error: BaseException) -> str:
    """What another library's error says, in one line of at most 200 characters; its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
