"""Prints the model's part of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from firstcause.cli.evaluation.view import by_fault, print_line, wide_console
from log_analyzer.model.evaluation import ModelOutcome, model_shares
from root_cause.evaluation.measure import shares

_COLUMNS = (
    "cases",
    "ranking",
    "model",
    "agree",
    "model right",
    "ranking right",
    "both wrong",
    "sure, wrong",
)


def print_disagreement(one: ModelOutcome) -> None:
    """A case of which the model says something else than the ranking, or nothing."""
    case = one.outcome.case
    if not one.answered:
        print_line(f"{case.name} ({case.fault}): no answer of the model: {one.failure}.")
        return
    if one.agrees or not (one.named or case.culprit):
        return
    suspects = one.outcome.ranking.suspects
    first = suspects[0].service_name if suspects else "nobody"
    sure = "" if one.confident else ", inconclusive"
    truth = case.culprit or "nobody: it is quiet"
    print_line(
        f"{case.name} ({case.fault}): the model names {one.named or 'nobody'}{sure}; first in the "
        f"ranking is {first}. It was {truth}."
    )


def print_model_shares(asked: Sequence[ModelOutcome]) -> None:
    """Ranking and model beside each other, by type of fault; and what it cost."""
    table = Table(title="The culprit first: the ranking, and the model", title_justify="left")
    table.add_column("fault", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for name, some in by_fault(asked, lambda one: one.outcome.case):
        table.add_row(name, str(len(some)), *_cells(some))
    wide_console().print(table)
    print_line(
        "Agree, and who is right where they do not: shares of the cases with a culprit that the "
        "model answered. Sure, wrong: of all cases, those where the model is confident of another."
    )
    answered = sum(one.answered for one in asked)
    calls, tokens = sum(one.calls for one in asked), sum(one.tokens for one in asked)
    print_line(
        f"The model answered {answered:,} of {len(asked):,} cases, in {calls:,} calls and "
        f"{tokens:,} tokens."
    )


def _cells(some: Sequence[ModelOutcome]) -> tuple[str, ...]:
    model, ranking = model_shares(some), shares([one.outcome for one in some])
    wrong = f"{model.confident_wrong:.1%}"
    if ranking.quiet == ranking.cases:
        return (*("-" for _ in _COLUMNS[1:-1]), wrong)
    if not any(one.answered and one.outcome.case.culprit for one in some):
        return (f"{ranking.top1:.1%}", *("-" for _ in _COLUMNS[2:-1]), wrong)
    first = f"{ranking.top1:.1%}", f"{model.top1:.1%}"
    apart = (model.agreed, model.model_right, model.ranking_right, model.both_wrong)
    return (*first, *(f"{share:.1%}" for share in apart), wrong)
