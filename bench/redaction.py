"""Redaction beside detect-secrets: planted secrets that go, harmless lines that are touched.

Both get the same lines of the tests' kinds. detect-secrets looks for credentials alone, so
personal data are counted apart. It lives in an environment of its own below `.firstcause/bench`.

    python -m bench.redaction --lines 4000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
import venv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firstcause.settings import PROJECT_ROOT
from log_analyzer.redaction.redactor import redact
from tests.harmless_lines import harmless
from tests.secret_kinds import Planted, planted

PEER: Final = "detect-secrets==1.5.0"
HOME: Final = PROJECT_ROOT / ".firstcause" / "bench"
PERSONAL: Final = frozenset(
    ("email", "card", "iban", "address", "phone", "document", "national id")
)


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of lines: credentials gone, personal data gone, harmless lines touched."""

    credentials: float
    personal: float
    touched: float


def measure(count: int, home: Path = HOME) -> tuple[Shares, Shares, float]:
    """Ours, detect-secrets', and the CPU milliseconds that a line costs us."""
    secrets = [one for unseen in (False, True) for one in planted(count, 7, unseen=unseen)]
    plain = [line for unseen in (False, True) for line in harmless(count, 7, unseen=unseen)]
    lines = [*(one.line for one in secrets), *plain]
    started = time.process_time()
    texts = [redact(line) for line in lines]
    milliseconds = (time.process_time() - started) / len(lines) * 1_000
    theirs = [
        _without(line, values) for line, values in zip(lines, _found(lines, home), strict=True)
    ]
    return _shares(secrets, plain, texts), _shares(secrets, plain, theirs), milliseconds


def _shares(secrets: list[Planted], plain: list[str], texts: Sequence[str]) -> Shares:
    gone, all_of = Counter[bool](), Counter[bool]()
    for one, text in zip(secrets, texts, strict=False):
        all_of[one.kind in PERSONAL] += 1
        gone[one.kind in PERSONAL] += one.secret not in text
    touched = sum(a != b for a, b in zip(plain, texts[len(secrets) :], strict=True))
    return Shares(gone[False] / all_of[False], gone[True] / all_of[True], touched / len(plain))


def _without(line: str, values: list[str]) -> str:
    for value in values:
        line = line.replace(value, "*")
    return line


def _found(lines: list[str], home: Path) -> list[list[str]]:
    with tempfile.TemporaryDirectory(prefix="firstcause-redaction-") as folder:
        given, result = Path(folder) / "lines", Path(folder) / "result.json"
        given.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
        app = Path(__file__).parent / "apps" / "detect_secrets_found.py"
        subprocess.run([_python(home), app, given, result], check=True)
        found: list[list[str]] = json.loads(result.read_text(encoding="utf-8"))
        return found


def _python(home: Path) -> Path:
    environment = home / PEER
    python, done = environment / "bin" / "python", environment / "installed"
    if not done.exists():
        venv.create(environment, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
        done.touch()
    return python


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--lines", type=int, default=4_000)
    count = options.parse_args().lines // 2
    ours, theirs, milliseconds = measure(count)
    for name, one in (("ours", ours), (PEER, theirs)):
        print(
            f"{name}: credentials gone {one.credentials:.1%}, personal data gone "
            f"{one.personal:.1%}, harmless lines touched {one.touched:.2%}"
        )
    print(f"a line costs {milliseconds:.2f} ms of CPU time")


if __name__ == "__main__":
    main()
