"""Which lines belong to the stack trace before them: Java, Python, Go, Node, .NET and Ruby."""

from __future__ import annotations

import re
from typing import Final

# A line that can only be a part of a stack trace.
_FRAME = re.compile(
    r"""^(?:
        \s+at\s+\S                                  # Java, Node, .NET
      | \s*\.\.\.\s+\d+\s+(?:more|common\ frames)   # Java
      | \s*Caused\ by:\s                            # Java
      | \s*Suppressed:\s                            # Java
      | \s*---\s+End\ of\ .*stack\ trace            # .NET
      | \s*\[CIRCULAR\ REFERENCE                    # Java
      | \s+File\ ".+",\ line\ \d+                   # Python
      | Traceback\ \(most\ recent\ call\ last\):    # Python
      | During\ handling\ of\ the\ above\ exception # Python
      | The\ above\ exception\ was\ the\ direct     # Python
      | goroutine\ \d+\ \[[^\]]+\]:                 # Go
      | \t\S+\.go:\d+(?:\ \+0x[0-9a-f]+)?           # Go
      | created\ by\ \S+                            # Go
      | \[signal\ SIG                               # Go
      | exit\ status\ \d+$                          # Go
      | \s+from\ .+:\d+(?::in\ .+)?                 # Ruby
      | \s+\^+[~^]*\s*$                             # Python's markers below a line
      | \s+\d+:\ .+                                 # Rust's numbered frames
    )""",
    re.VERBOSE,
)
# `main.pay(0x1, {0xc000, 0x2})`: a frame of Go, only inside of one of its traces.
_GO_CALL = re.compile(r"^[\w./*()\[\]-]+\.[\w.*()\[\]-]+\(.*\)$")
_PYTHON_END = re.compile(r"^[A-Za-z_][\w.]*(?:: .*|$)", re.DOTALL)
_JAVA_HEAD = re.compile(r"^(?:[a-z_]\w*\.)+[A-Z]\w*(?:Exception|Error|Throwable)\b(?::.*)?$")
# Exceptions of many projects are called neither: `com.acme.PaymentDeclined: limit`. Right below a
# log line it is one.
_JAVA_CLASS = re.compile(r"^(?:[a-z_]\w*\.){2,}[A-Z][\w$]*(?::\s.*)?$")
_PYTHON_OPEN: Final = re.compile(
    r"^(?:Traceback \(most recent call last\):|\s+File \".+\", line \d+)"
)
# A frame of a traceback has fewer lines; all lines of a long trace each time would be too many.
_FRAME_LINES: Final = 50
_SECTION = re.compile(r"^(?:During handling of the above|The above exception was the direct)")


def is_stack_start(line: str) -> bool:
    """Whether a line begins a stack trace by itself, without a log line before it."""
    return line.startswith(("Traceback (most recent call last):", "goroutine ", "panic:")) or (
        _JAVA_HEAD.match(line) is not None
    )


def continues_stack(line: str, before: list[str]) -> bool:
    """Whether a line goes on with the event whose lines are `before` (its own line the first).

    An indented line goes on with a trace that is under way, and the line that ends a Python
    traceback belongs to it. An empty line does so inside of a trace only.
    """
    in_python = _python_open(before)
    if line.startswith("Traceback (") and not in_python:
        # A second traceback is another error, unless the text between says how they are related.
        return len(before) == 1 or _SECTION.match(_last_text(before)) is not None
    if _FRAME.match(line):
        return True
    if not line.strip():
        return len(before) > 1 or before[0].startswith("panic:")
    if in_python and (line[:1].isspace() or _PYTHON_END.match(line)):
        return True
    return _goes_on(line, before)


def _goes_on(line: str, before: list[str]) -> bool:
    """What depends on the line before: a call of Go, the exception below Java's log line."""
    last = before[-1]
    is_call = _GO_CALL.match(line) is not None and (len(before) > 1 or last.startswith("goroutine"))
    # `ERROR ... failed` and then `java.lang.IllegalStateException: boom`.
    is_head = len(before) == 1 and not _is_head(last) and _is_head(line)
    is_indented = len(before) > 1 and line[:1] in " \t" and _FRAME.match(last) is not None
    return is_call or is_head or is_indented


def _is_head(line: str) -> bool:
    return _JAVA_HEAD.match(line) is not None or _JAVA_CLASS.match(line) is not None


def _last_text(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "")


def _python_open(before: list[str]) -> bool:
    """Whether a Python traceback is under way: begun, and its last line not yet seen."""
    for line in before[: -_FRAME_LINES - 1 : -1]:
        if _PYTHON_OPEN.match(line):
            return True
        if line.strip() and not line[:1].isspace() and not _SECTION.match(line):
            return False
    return False
