"""The project's own errors: one sentence for the user, and the exit code that goes with it."""

from __future__ import annotations


class LasError(Exception):
    """Something the user can put right: which file, what was found, what to do.

    The command line prints it as one line without a traceback and exits with `exit_code`.
    """

    exit_code = 1


class UsageError(LasError):
    """The command was called in a way that cannot work, whatever the files hold."""

    exit_code = 2
