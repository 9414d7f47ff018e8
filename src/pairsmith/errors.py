"""The errors of Pairsmith: one base class, and one class for what a user can put right."""

from __future__ import annotations


class PairsmithError(Exception):
    """Anything that Pairsmith raises on purpose."""


class InputError(PairsmithError, ValueError):
    """Bad input: a file, a setting or a row that the user can mend.

    The message is one sentence that names the thing and says what to do; the command line prints it and exits with 2.
    """
