"""The analyzer, with one address of this machine taken for a public one: that of a receiver.

`python -m bench.apps.guarded_analyzer PORT`. Everything else in private ranges stays refused, so
that a redirect inward can be tried without a host in the internet.
"""

from __future__ import annotations

import sys
from typing import Any

from log_analyzer.commands.analyzer import analyzer
from log_analyzer.webhooks import sender
from log_analyzer.webhooks.addresses import Target, checked_target


def main() -> None:
    """Runs the analyzer until it is told to stop."""
    public = f"http://127.0.0.1:{int(sys.argv[1])}/"

    def checked(url: str, *, allow_private: bool, **others: Any) -> Target:
        return checked_target(url, allow_private=allow_private or url.startswith(public), **others)

    setattr(sender, "checked_target", checked)  # noqa: B010 - a module that types know no attribute of
    analyzer()


if __name__ == "__main__":
    main()
