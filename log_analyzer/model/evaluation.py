"""Evaluates the model: asks it about labelled cases and scores its answers as the ranking's.

Blocks: up to 100 s a case. Nothing is stored; tokens count against a limit of this run alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from log_analyzer.model.case_incident import case_incident
from log_analyzer.model.mistral_client import (
    UNKNOWN_CULPRIT,
    MistralModel,
    ModelFailedError,
    call_tokens,
)
from log_analyzer.model.question import Model
from log_analyzer.prompting.renderer import PromptTemplates
from root_cause.evaluation.measure import Outcome, RankedCase

# A model that is away so many times in a row is not asked again in this run.
FAILURES_IN_A_ROW: Final = 3


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """The model's result for one case.

    Attributes:
        outcome: the result of the ranking.
        named: the service that it blames; None if none, or if it did not answer.
        confident: it says "confirmed" or "likely".
        failure: why there is no answer; empty if there is one.
        calls, tokens: what it cost; the tokens of a failed call are an upper estimate.
    """

    outcome: Outcome
    named: str | None
    confident: bool
    failure: str = ""
    calls: int = 0
    tokens: int = 0

    @property
    def answered(self) -> bool:
        """True when there is an answer in the schema."""
        return not self.failure

    @property
    def is_right(self) -> bool:
        """True when it names the true culprit."""
        return self.named is not None and self.named == self.outcome.case.culprit

    @property
    def is_confident_wrong(self) -> bool:
        """True when it is confident of another service, in a quiet case of any."""
        return self.confident and self.named is not None and not self.is_right

    @property
    def agrees(self) -> bool:
        """True if it names a first suspect of the ranking, or nobody if the ranking has none."""
        first = {one.service_name for one in self.outcome.ranking.suspects if one.rank == 1}
        return self.named in first if first else self.named is None


@dataclass(frozen=True, slots=True)
class ModelShares:
    """What comes out, shares from 0 to 1.

    Attributes:
        answered: of all cases, those with an answer.
        top1: of the cases with a culprit, those where the model names it.
        confident_wrong: of all cases, those where it is confident of a wrong service.
        inconclusive: of the cases with a culprit, those with an answer that names none for sure.
        agreed: of the answered cases with a culprit, those where it names the first suspect; these
            and the next three are all of them.
        model_right, ranking_right, both_wrong: where they disagree, who had the culprit.
    """

    answered: float
    top1: float
    confident_wrong: float
    inconclusive: float
    agreed: float
    model_right: float
    ranking_right: float
    both_wrong: float


def model_shares(found: Sequence[ModelOutcome]) -> ModelShares:
    """The shares over some cases; 0 of nothing. Pure."""
    faulty = [one for one in found if one.outcome.case.culprit is not None]
    judged = [one for one in faulty if one.answered]
    apart = [one for one in judged if not one.agrees]
    return ModelShares(
        answered=_share(sum(one.answered for one in found), len(found)),
        top1=_share(sum(one.is_right for one in faulty), len(faulty)),
        confident_wrong=_share(sum(one.is_confident_wrong for one in found), len(found)),
        inconclusive=_share(
            sum(not (one.confident and one.named) for one in judged),
            len(faulty),
        ),
        agreed=_share(len(judged) - len(apart), len(judged)),
        model_right=_share(sum(one.is_right for one in apart), len(judged)),
        ranking_right=_share(sum(one.outcome.is_first for one in apart), len(judged)),
        both_wrong=_share(
            sum(not one.is_right and not one.outcome.is_first for one in apart), len(judged)
        ),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


class CaseQuestioner:
    """Asks the model about one case after another, by the product's own prompt and redaction.

    Args:
        model: what is asked.
        prompts: the templates that people edit; they decide here too.
        token_limit: beyond it no case is asked about any more.
    """

    def __init__(self, model: Model, prompts: PromptTemplates, token_limit: int) -> None:
        self._model = model
        self._prompts = prompts
        self._left = token_limit
        self._away = 0

    def ask(self, ranked: RankedCase) -> ModelOutcome:
        """The model's word on a case. Whatever goes wrong is the answer's `failure`; never raises.

        Blocks up to 100 s: failed calls are tried again as in the analyzer.
        """
        outcome = ranked.outcome
        if self._away >= FAILURES_IN_A_ROW:
            return ModelOutcome(outcome, None, False, "not asked: the model is away")
        prompt = self._prompts.render(case_incident(ranked.events, outcome.ranking, outcome.path))
        most = call_tokens(prompt.text)
        if most > self._left:
            return ModelOutcome(outcome, None, False, "not asked: the limit of tokens is reached")
        services = {one.service_name for one in ranked.events}
        try:
            answer = self._model.ask(prompt.text, set(prompt.log_ids), services)
        except ModelFailedError as error:
            self._away = self._away + 1 if error.unavailable else 0
            tokens = 0 if error.free else most
            self._left -= tokens
            return ModelOutcome(outcome, None, False, str(error), error.calls, tokens)
        self._away = 0
        self._left -= answer.tokens
        said = answer.answer
        named = None if said.culprit_service == UNKNOWN_CULPRIT else said.culprit_service
        return ModelOutcome(
            outcome,
            named,
            said.confidence != "inconclusive",
            calls=answer.calls,
            tokens=answer.tokens,
        )


def case_questioner(settings: Settings, token_limit: int) -> CaseQuestioner:
    """One that asks Mistral, as the settings say.

    Raises:
        FirstcauseError: there is no key.
    """
    if settings.mistral_api_key is None:
        raise FirstcauseError(
            "MISTRAL_API_KEY is not set, so that there is no model to evaluate: set it, or leave "
            "out --model."
        )
    return CaseQuestioner(
        MistralModel(settings), PromptTemplates(settings.prompts_dir), token_limit
    )
