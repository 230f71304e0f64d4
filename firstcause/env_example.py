"""Writes `.env.example`: every setting with its default.

`python -m firstcause.env_example > .env.example` writes it again.
"""

from __future__ import annotations

import sys

from firstcause.settings import Settings

HEADING = """\
# Every setting with its default. Copy this file to .env and take the # from what you change;
# an environment variable of the same name comes first. Paths are taken from the project's root.
# `docker compose` reads .env as well.
"""


def env_example() -> str:
    """The text of `.env.example`."""
    paragraphs = [HEADING]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        paragraphs.append(f"# {field.description}\n#{name.upper()}={default}\n")
    return "\n".join(paragraphs)


if __name__ == "__main__":
    sys.stdout.write(env_example())
