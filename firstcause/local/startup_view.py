"""Shows the progress of a start: a live table on a terminal, else one line an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from firstcause.local.startup import Phase, StepProgress

Show = Callable[[Sequence[StepProgress]], None]

# From here on a start counts as slow, and its last log line is shown as the reason.
SLOW_SECONDS: Final = 10.0
SAY_AGAIN_SECONDS: Final = 30.0
REASON_CHARS: Final = 160

STYLES: Final = {
    Phase.WAITING: "dim",
    Phase.STARTING: "yellow",
    Phase.READY: "green",
    Phase.FAILED: "bold red",
}


@contextmanager
def startup_view(console: Console | None = None) -> Iterator[Show]:
    """Yields the function that shows the progress; on a terminal the last table stays."""
    console = console or Console()
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            yield lambda steps: live.update(_table(steps))
    else:
        yield _LineView(console).show


def why_waiting(step: StepProgress, steps: Sequence[StepProgress]) -> str:
    """In a few words what a step is waiting for; empty when there is nothing to explain."""
    if step.phase is Phase.WAITING:
        missing = [s.name for s in steps if s.name in step.waits_for and s.phase != Phase.READY]
        return f"after {', '.join(missing)}" if missing else ""
    if step.phase is Phase.STARTING and step.seconds >= SLOW_SECONDS:
        return "".join(line[:REASON_CHARS] for line in step.last_log_lines(1))
    return ""


def _table(steps: Sequence[StepProgress]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", style="dim")
    for step in steps:
        seconds = f"{step.seconds:.0f} s" if step.began is not None else ""
        reason = Text(why_waiting(step, steps))
        table.add_row(step.name, f"[{STYLES[step.phase]}]{step.phase}[/]", seconds, reason)
    return table


class _LineView:
    """Prints each change once, and a slow step again every `SAY_AGAIN_SECONDS`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, Phase] = {}
        self._said_slow: dict[str, float] = {}

    def show(self, steps: Sequence[StepProgress]) -> None:
        for step in steps:
            if (
                step.phase in {Phase.READY, Phase.FAILED}
                and self._said.get(step.name) != step.phase
            ):
                self._said[step.name] = step.phase
                self._print(f"{step.name:<22}{step.phase} after {step.seconds:.1f} s")
            last_said = self._said_slow.get(step.name, SLOW_SECONDS - SAY_AGAIN_SECONDS)
            if step.phase is Phase.STARTING and step.seconds - last_said >= SAY_AGAIN_SECONDS:
                self._said_slow[step.name] = step.seconds
                why = why_waiting(step, steps)
                self._print(f"{step.name:<22}still starting after {step.seconds:.0f} s  {why}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
