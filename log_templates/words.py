"""Word lists: which words are names and vary, and which tell one event from another."""

from __future__ import annotations

from typing import Final

# fmt: off
# After one of these words stands the name of a thing: it varies.
NAMED_THINGS: Final = frozenset(
    (
        "user", "username", "login", "account", "owner", "host", "hostname", "peer", "file",
        "filename", "directory", "database", "table", "topic", "queue", "named", "called",
    )
)
# What comes after a key that ends with one of these is what happened.
TELLING_KEYS: Final = ("code", "error", "status", "state", "reason", "cause", "result", "exception")
# Values that tell one event from another: they stay, whatever they are the value of.
_TELLING: Final = frozenset(
    (
        "true", "false", "yes", "no", "on", "off", "ok", "done", "up", "down", "open", "close",
        "enable", "disable", "active", "inactive", "success", "successful", "succeed", "fail",
        "failure", "error", "start", "stop", "begin", "end", "complete", "idle", "busy", "ready",
        "available", "unavailable", "valid", "invalid", "unknown", "present", "found",
    )
)
# Between the words of a name.
PARTICLES: Final = frozenset(
    ("de", "du", "des", "di", "da", "la", "le", "les", "von", "van", "der", "am", "im", "sur")
)
# fmt: on
# What was thrown says what went wrong.
_ERROR_ENDS: Final = ("Exception", "Error", "Failure", "Throwable")


def distinguishes_events(token: str) -> bool:
    """True for a word that names a state, an outcome or a constant, and so is never a variable."""
    word = token.lstrip(" ")
    last = word.rpartition(".")[2]
    if len(last) > 1 and last.isupper():
        return True
    return is_outcome(word) or last.endswith(_ERROR_ENDS)


def is_outcome(word: str) -> bool:
    """True for a plain word that names a state or an outcome; participles do."""
    return word.lower() in _TELLING or word.endswith(("ed", "ing"))


def is_qualified_name(token: str) -> bool:
    """True for dotted names (packages, tasks, activities), but not for what was thrown."""
    return token.count(".") > 1 and token[-1].isalpha() and not distinguishes_events(token)


def are_names(one: str, other: str) -> bool:
    """True for two names of persons, places or products, one of several words at least."""
    first, second = one.lstrip(" "), other.lstrip(" ")
    of_several = " " in first or " " in second
    return of_several and is_capitalised(first.split()[0]) and is_capitalised(second.split()[0])


def is_capitalised(word: str) -> bool:
    """True for a word that may be part of a name: a capital first, letters, no outcome."""
    if not word[0].isupper() or distinguishes_events(word):
        return False
    return all(sign.isalpha() or sign in "-." for sign in word)
