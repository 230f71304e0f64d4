"""Finds secrets with detect-secrets, in an environment that holds it; run by bench/redaction.py.

    python detect_secrets_found.py LINES RESULT

LINES has a JSON string a line. RESULT gets, for each line, the values that its plugins found.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings


def main() -> None:
    lines_file, result_file = sys.argv[1:]
    lines = [json.loads(line) for line in Path(lines_file).read_text(encoding="utf-8").splitlines()]
    # As its command line does: a file, with its filters. `scan_line` has none.
    text, owners = [], []
    for number, line in enumerate(lines):
        for part in line.splitlines() or [""]:
            text.append(part)
            owners.append(number)
    file = Path(lines_file).with_name("application.log")
    file.write_text("\n".join(text), encoding="utf-8")
    secrets = SecretsCollection()
    with default_settings():
        secrets.scan_file(str(file))
    found: list[set[str]] = [set() for _ in lines]
    for one in secrets.data.get(str(file), ()):
        if one.secret_value:
            found[owners[one.line_number - 1]].add(one.secret_value)
    Path(result_file).write_text(json.dumps([sorted(one) for one in found]), encoding="utf-8")


if __name__ == "__main__":
    main()
