"""Asks Mistral for the root cause of an incident, and validates the answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2
import stamina
from mistralai.client import Mistral
from mistralai.client.errors import MistralError, NoResponseError

from firstcause.settings import Settings
from firstcause.text.plain_text import plain_line
from log_analyzer.prompting.answer_schema import ADDED_TOKENS, Confidence, RootCause
from log_analyzer.prompting.token_estimate import estimated_tokens
from log_analyzer.redaction.redactor import Redacted

TIMEOUT_MS: Final = 30_000
ATTEMPTS: Final = 3
RETRY_AFTER_MAX_SECONDS: Final = 30.0
MAX_ANSWER_TOKENS: Final = 800
ROOT_CAUSE_CHARS: Final = 1_500
ACTION_CHARS: Final = 300
ACTIONS: Final = 5
ID_CHARS: Final = 100
UNKNOWN_CULPRIT: Final = "unknown"
HTTP_ERRORS: Final = 400
_RETRIED_STATUS: Final = frozenset({429, 500, 502, 503, 504})
# A wrong or blocked key as well: somebody may mend it, and no call helps until then.
_UNAVAILABLE_STATUS: Final = _RETRIED_STATUS | {401, 403, 408}

_LOWER: Final[dict[Confidence, Confidence]] = {
    "confirmed": "likely",
    "likely": "inconclusive",
    "inconclusive": "inconclusive",
}


class ModelFailedError(Exception):
    """No usable answer; the text says why, in words for people. `calls` were made.

    `unavailable`: the same question may be answered later. `free`: no tokens were spent.
    `asked_seconds`: how long the server wants to be left alone, if longer than a call may wait.
    """

    def __init__(
        self,
        reason: str,
        calls: int,
        *,
        unavailable: bool = False,
        free: bool = False,
        asked_seconds: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.calls = calls
        self.unavailable = unavailable
        self.free = free
        self.asked_seconds = asked_seconds


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A checked answer: `struck_out` are cited ids that are not in the evidence."""

    answer: RootCause
    struck_out: tuple[str, ...]
    tokens: int
    calls: int
    input_tokens: int = 0
    output_tokens: int = 0


def check_answer(
    answer: RootCause, log_ids: Collection[str], services: Collection[str]
) -> tuple[RootCause, tuple[str, ...]]:
    """Strikes out cited log ids that are not in the evidence, and makes the text plain.

    The confidence falls by one level if there were any, if none is left, or if the culprit is
    no service of the incident; such a culprit is not named. Texts become single lines of bounded
    length without invisible characters. Pure.
    """
    cited = list(dict.fromkeys(plain_line(one, ID_CHARS).lower() for one in answer.evidence))
    kept = [one for one in cited if one in log_ids]
    struck = tuple(one for one in cited if one not in log_ids)
    known = answer.culprit_service in services
    confidence = answer.confidence if known and kept and not struck else _LOWER[answer.confidence]
    actions = [line for one in answer.actions if (line := plain_line(one, ACTION_CHARS))]
    checked = RootCause.model_construct(
        root_cause=plain_line(answer.root_cause, ROOT_CAUSE_CHARS),
        culprit_service=answer.culprit_service if known else UNKNOWN_CULPRIT,
        confidence=confidence,
        evidence=kept,
        actions=actions[:ACTIONS],
    )
    return checked, struck


def call_tokens(prompt: str) -> int:
    """Tokens that a call may cost at the most: its input, and the longest answer."""
    return estimated_tokens(prompt) + ADDED_TOKENS + MAX_ANSWER_TOKENS


class MistralModel:
    """Mistral's chat API through its SDK; blocks for at most 30 s an attempt, three attempts."""

    def __init__(self, settings: Settings, timeout_ms: int = TIMEOUT_MS) -> None:
        if settings.mistral_api_key is None:
            raise ValueError("no MISTRAL_API_KEY")
        self.name = settings.mistral_model
        self._timeout_ms = timeout_ms
        self._client = Mistral(
            api_key=settings.mistral_api_key.get_secret_value(),
            server_url=settings.mistral_server_url.rstrip("/"),
            timeout_ms=timeout_ms,
        )

    def ask(
        self, prompt: Redacted, log_ids: Collection[str], services: Collection[str]
    ) -> ModelAnswer:
        """One answer, checked against the evidence.

        429 and 5xx are asked again after Retry-After or a growing pause; not where the server asks
        for more than 30 s.

        Raises:
            ModelFailedError: no attempt brought an answer in the schema.
        """
        calls = 0
        try:
            for attempt in stamina.retry_context(
                on=_retry, attempts=ATTEMPTS, timeout=100.0, wait_initial=1.0, wait_max=10.0
            ):
                with attempt:
                    calls += 1
                    response = self._client.chat.parse(
                        RootCause,
                        model=self.name,
                        messages=[{"role": "user", "content": prompt}],
                        temperature=0.0,
                        max_tokens=MAX_ANSWER_TOKENS,
                        timeout_ms=self._timeout_ms,
                    )
        except MistralError as error:
            if error.status_code < HTTP_ERRORS:
                # The SDK could not read what came: an answer, and it was paid for.
                raise ModelFailedError("an answer that is not in the schema", calls) from error
            busy = error.status_code in _UNAVAILABLE_STATUS
            asked = _retry_after_seconds(error.headers.get("retry-after"))
            raise ModelFailedError(
                f"HTTP {error.status_code}",
                calls,
                unavailable=busy,
                free=True,
                asked_seconds=asked if busy and asked and asked > RETRY_AFTER_MAX_SECONDS else None,
            ) from error
        except httpx2.TimeoutException as error:
            seconds = self._timeout_ms // 1000
            raise ModelFailedError(
                f"no answer within {seconds} s", calls, unavailable=True
            ) from error
        except (httpx2.HTTPError, NoResponseError) as error:
            raise ModelFailedError(
                f"{type(error).__name__}", calls, unavailable=True, free=True
            ) from error
        except (ValueError, TypeError) as error:
            # Not JSON, half of it, or not our schema: pydantic and json raise ValueError.
            raise ModelFailedError("an answer that is not in the schema", calls) from error
        choice = response.choices[0] if response.choices else None
        answer = choice.message.parsed if choice and choice.message else None
        if answer is None:
            raise ModelFailedError("an empty answer", calls)
        checked, struck = check_answer(answer, log_ids, services)
        usage = response.usage
        return ModelAnswer(
            checked,
            struck,
            tokens=(usage.total_tokens if usage else 0) or call_tokens(prompt),
            calls=calls,
            input_tokens=(usage.prompt_tokens if usage else 0) or 0,
            output_tokens=(usage.completion_tokens if usage else 0) or 0,
        )


def _retry(error: Exception) -> bool | float:
    """The hook of stamina: a number is the pause in seconds that the server asked for."""
    if isinstance(error, MistralError):
        if error.status_code not in _RETRIED_STATUS:
            return False
        asked = _retry_after_seconds(error.headers.get("retry-after"))
        if asked and asked > RETRY_AFTER_MAX_SECONDS:
            return False
        return asked or True
    return isinstance(error, httpx2.NetworkError)


def _retry_after_seconds(value: str | None) -> float | None:
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (moment - dt.datetime.now(dt.UTC)).total_seconds()
    return max(0.1, seconds)
