"""The base class of errors that people read."""

from __future__ import annotations


class FirstcauseError(Exception):
    """Something a person can mend. Its text is one clear line that says what to do.

    The command line prints the text alone, without a traceback, and exits with 1.
    """
