"""Exception texts in the format of each simulated runtime."""

from __future__ import annotations

import zlib


def stack_trace(
    *, runtime: str, package: str, exception: str, message: str, logger: str, operation: str
) -> str:
    """The exception and its frames, innermost first or last as the runtime has it.

    Line numbers are derived from the names, so one place in the code always has one number.
    `message` may hold {variables}; they stay as they are.
    """

    def line(*names: str) -> int:
        return 20 + zlib.crc32(".".join(names).encode()) % 400

    method = _camel_case(operation)
    if runtime == "java":
        frames = [
            f"{package}.{logger}.{method}({logger}.java:{line(logger, operation)})",
            f"{package}.http.RequestPipeline.handle(RequestPipeline.java:{line(package, 'http')})",
            "java.base/java.lang.Thread.run(Thread.java:840)",
        ]
        return f"{exception}: {message}" + "".join(f"\n\tat {frame}" for frame in frames)
    folder = package.replace(".", "/")
    if runtime == "python":
        return (
            "Traceback (most recent call last):\n"
            f'  File "/srv/{folder}/http.py", line {line(package, "http")}, in handle\n'
            f'  File "/srv/{folder}/{logger.lower()}.py", line {line(logger, operation)}, '
            f"in {operation}\n{exception}: {message}"
        )
    return (
        f"{exception}: {message}\ngoroutine 1 [running]:\n"
        f"{folder}.(*{logger}).{method[:1].upper()}{method[1:]}(...)\n"
        f"\t/srv/{folder}/{logger.lower()}.go:{line(logger, operation)}"
    )


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
