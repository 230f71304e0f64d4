"""What a stack trace says went wrong: the last error of its chain, and where. Pure.

Java and its kin, Python, Node, .NET, Go, Ruby, PHP.
"""

from __future__ import annotations

import re
from typing import Final

# A line that only a stack trace holds, for itself.
_FRAME: Final = re.compile(
    # Java, Node, .NET.
    r"\s+at (?:async |new )?[^\s()]+(?: \[as [\w.]+\])?(?: ?\([^()]*\)|:\d+(?::\d+)?)"
    r"(?: ~?\[[^\]]*\])?\s*(?:in \S.*)?$"
    r"|\s*\.\.\. \d+ (?:more|common frames omitted)\s*$"
    r"|(?:Caused by|Suppressed|Wrapped by): \S+"
    r"|\s*File \"[^\"]+\", line \d+(?:, in .+)?\s*$"
    r"|Traceback \(most recent call last\):\s*$"
    r"|\s*(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):\s*$"
    r"|\s*-{3} End of (?:inner exception )?stack trace.*-{3}\s*$"
    r"|goroutine \d+ \[[^\]]+\]:\s*$|created by [\w./*()-]+(?: in goroutine \d+)?\s*$"
    r"|\s+(?:/|[A-Za-z]:\\)\S+\.\w{1,5}:\d+(?: \+0x[0-9a-f]+)?\s*$"  # Go
    r"|[\w./*()-]+\((?:0x[0-9a-f]+|\.\.\.|\{)[^()]*\)\s*$"
    r"|\s*(?:from )?\S+\.rb:\d+:in [`'][^`']*'\s*$"
    r"|\s*#\d+ (?:\S+\(\d+\): |\{main\}).*$|\s*(?:Stack trace|stack backtrace|stack):\s*$"
    r"|\s+\^+\s*$"
)
_SOURCE_PLACE: Final = re.compile(r"\s*File \"[^\"]+\", line \d+(?:, in .+)?\s*$")
_BARE_ERROR: Final = re.compile(
    r"(?:[\w$]+[.:/]{1,2})*[A-Z][\w$]*(?:Exception|Error|Throwable|Fault|Timeout|Failure|Interrupt)(?:\b.*)?$"
)

TRACEBACK: Final = "Traceback (most recent call last):"
_PYTHON_FRAME: Final = re.compile(r"^ *File \"([^\"]+)\", line \d+(?:, in (\S+))?", re.MULTILINE)
_JAVA_FRAME: Final = re.compile(r"^\s*at (?:[\w.-]+/{1,2})?([\w$.]+)\.([\w$<>]+)\(", re.MULTILINE)
_NODE_FRAME: Final = re.compile(
    r"^\s*at (?:async )?(?:([\w$.<> \[\]]+) \()?((?:file://)?[^\s()]+?):\d+:\d+\)?", re.MULTILINE
)
_OTHERS_PYTHON: Final = ("site-packages/", "dist-packages/", "/lib/python", "<frozen ")
_OTHERS_JAVA: Final = (
    "java.",
    "javax.",
    "jakarta.",
    "jdk.",
    "sun.",
    "com.sun.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "io.netty.",
    "reactor.",
    "kotlin.",
    "scala.",
    "akka.",
    "com.google.",
    "com.fasterxml.",
    "org.eclipse.",
    "org.junit.",
    "com.zaxxer.",
    "org.postgresql.",
    "com.mysql.",
    "io.grpc.",
    "okhttp3.",
    "rx.",
    "io.vertx.",
    "io.micrometer.",
)
_OTHERS_NODE: Final = ("node:", "node_modules/", "internal/")
_INNER: Final = re.compile(
    r"(?:^|[\s,\[{]|\[cause\]: )"
    r"((?:[A-Z]\w*)?(?:Error|Exception)(?: \[\w+\])?: (?=\S)[^\n,\]}]+)"
)
MADE_UP: Final = re.compile(r"\$\$\w.*|\$(?:Proxy|Lambda|\d).*")


def is_stack_line(line: str) -> bool:
    """True for a single line that belongs to the middle or the end of a stack trace."""
    return "\n" not in line.strip() and bool(_FRAME.match(line.rstrip("\r\n")))


def is_source_place(line: str) -> bool:
    """True for `File "x.py", line 3, in f`: the line of source code comes next."""
    return bool(_SOURCE_PLACE.match(line))


def is_bare_error(line: str) -> bool:
    """True for a line that begins with the type of an error, as a trace does."""
    return "\n" not in line.strip() and bool(_BARE_ERROR.match(line.strip()))


def last_error(trace: str) -> str | None:
    """The error that a trace is about: `ValueError: A is not 10`. None where there is none.

    Python's is the last of the chain; that of all others the deepest cause.
    """
    if TRACEBACK in trace:
        return _python_error(trace)
    lines = [one for one in trace.splitlines() if one.strip()]
    causes = [one.strip() for one in lines if one.lstrip().startswith("Caused by: ")]
    if causes:
        return causes[-1].removeprefix("Caused by: ")
    inner = _INNER.findall(trace)
    if inner:
        # Node's AggregateError says nothing itself; the first of its errors does.
        own = [one for one in inner if not one.startswith("AggregateError")]
        return str((own or inner)[0]).strip()
    heads = [one.strip() for one in lines if not is_stack_line(one)]
    return heads[0] if heads else None


def _python_error(trace: str) -> str | None:
    after = trace.rsplit(TRACEBACK, 1)[1]
    for line in after.splitlines():
        # Frames and their source are indented; the first line that is not names the error.
        if line and not line[0].isspace():
            return line.strip()
    words = [one.strip() for one in after.splitlines() if one.strip()]
    return words[-1] if words and not is_stack_line(words[-1]) else None


def own_frame(trace: str) -> str | None:
    """The deepest frame of the program's own code, without its line number: `handle (tasks.py)`."""
    python = _PYTHON_FRAME.findall(trace)
    if python:
        own = [one for one in python if not any(part in one[0] for part in _OTHERS_PYTHON)]
        file, function = (own or python)[-1]
        return f"{function or 'module'} ({file.replace(chr(92), '/').rpartition('/')[2]})"
    # The deepest cause comes last, its deepest frame first.
    cause = trace.rsplit("Caused by: ", 1)[-1]
    for part in (cause, trace):
        java = [one for one in _JAVA_FRAME.findall(part) if not one[0].startswith(_OTHERS_JAVA)]
        if java:
            name = MADE_UP.sub("", java[0][0].rpartition(".")[2])
            return f"{name}.{MADE_UP.sub('', java[0][1])}"
    node = [
        one for one in _NODE_FRAME.findall(trace) if not any(own in one[1] for own in _OTHERS_NODE)
    ]
    if node:
        function, file = node[0]
        return f"{function or 'anonymous'} ({file.rpartition('/')[2]})"
    return None
