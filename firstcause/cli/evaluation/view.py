"""Prints an evaluation: misses with their reasons, and tables of shares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from firstcause.text.printable import printable
from root_cause.causal_path.path import hop_sentence
from root_cause.evaluation.labelled_cases import LabelledCase
from root_cause.evaluation.measure import Outcome, Shares, shares
from root_cause.explanation.reasons import reasons
from root_cause.ranking.ranker import Suspect

_SUSPECTS_SHOWN: Final = 2
_REASONS_SHOWN: Final = 2

T = TypeVar("T")


def print_case(outcome: Outcome) -> None:
    """One case: who is first and why, and what speaks for the true culprit where it is not."""
    case, ranking = outcome.case, outcome.ranking
    if case.culprit is None:
        place = "it is quiet"
    elif outcome.position is None:
        place = f"{case.culprit} is no suspect"
    else:
        place = f"{case.culprit} is number {outcome.position}"
    named = f"names {ranking.culprit}" if ranking.culprit else "is inconclusive"
    print_line(f"{case.name} ({case.fault}): {place}; the ranking {named}.")
    shown = list(ranking.suspects[:_SUSPECTS_SHOWN])
    shown += [one for one in ranking.suspects[_SUSPECTS_SHOWN:] if one.service_name == case.culprit]
    for suspect in shown:
        _print_suspect(suspect)
    if outcome.path is not None:
        print_line(f"  Path: {' -> '.join(outcome.path.services)}")
        for hop in outcome.path.hops:
            print_line(f"     - {hop_sentence(hop)}")


def _print_suspect(suspect: Suspect) -> None:
    print_line(f"  {suspect.rank}. {suspect.service_name}, score {suspect.score:.2f}")
    for reason in reasons(suspect)[:_REASONS_SHOWN]:
        logs = f" (log {', '.join(reason.log_ids)})" if reason.log_ids else ""
        print_line(f"     - {reason.sentence}{logs}")


def print_shares(found: Sequence[Outcome], system: str = "") -> None:
    """The shares of a system by type of fault, by trait, and of all."""
    table = share_table(f"{system}: fault" if system else "fault")
    table.add_column("seconds a case", justify="right")
    for name, some in by_fault(found, lambda one: one.case):
        seconds = sum(one.seconds for one in some) / len(some)
        table.add_row(name, *share_cells(shares(some)), f"{seconds:.2f}")
    wide_console().print(table)
    total = shares(found)
    if total.quiet:
        print_line(f"Quiet cases: {total.quiet}; no culprit named in {total.quiet_unnamed:.1%}.")
    slowest = max(found, key=lambda one: one.seconds)
    print_line(
        f"Slowest: {slowest.case.name}, {slowest.seconds:.2f} s for {slowest.events:,} events."
    )


def print_robustness(rows: Sequence[tuple[str, Shares]], system: str = "") -> None:
    """The shares of a system under each change."""
    table = share_table(f"{system}: change" if system else "change")
    for name, some in rows:
        table.add_row(name, *share_cells(some))
    wide_console().print(table)


def by_fault(
    found: Sequence[T], case_of: Callable[[T], LabelledCase]
) -> Iterator[tuple[str, Sequence[T]]]:
    """What there is of each type of fault and of each trait, by name; all of it last."""
    groups: dict[str, list[T]] = defaultdict(list)
    for one in found:
        case = case_of(one)
        for name in (case.fault, *(f"({trait})" for trait in case.traits)):
            groups[name].append(one)
    yield from sorted(groups.items(), key=lambda item: item[0].strip("("))
    yield "all", found


def share_table(first: str) -> Table:
    """A table of shares without rows; `first` is the title of its first column."""
    table = Table(first)
    for name in ("cases", "first", "in first three", "confident, wrong", "inconclusive"):
        table.add_column(name, justify="right")
    return table


def share_cells(some: Shares) -> tuple[str, ...]:
    """A row's cells for `share_table`, after the first."""
    of_culprits = (f"{some.top1:.1%}", f"{some.top3:.1%}")
    inconclusive = f"{some.inconclusive:.1%}"
    if some.quiet == some.cases:
        of_culprits, inconclusive = ("-", "-"), f"{some.quiet_unnamed:.1%}"
    return (str(some.cases), *of_culprits, f"{some.confident_wrong:.1%}", inconclusive)


def wide_console() -> Console:
    """Standard output; where it is no terminal, wide enough for a table of shares."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def print_line(text: str) -> None:
    """One line of plain text, however long."""
    Console(soft_wrap=True, highlight=False).print(Text(printable(text)))
