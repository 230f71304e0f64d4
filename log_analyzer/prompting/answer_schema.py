"""The schema of the model's answer, and the tokens that it leaves for the prompt."""

from __future__ import annotations

import json
from typing import Final, Literal

from pydantic import BaseModel, Field

from log_analyzer.prompting.token_estimate import estimated_tokens

MAX_INPUT_TOKENS: Final = 4_000

Confidence = Literal["confirmed", "likely", "inconclusive"]


class RootCause(BaseModel):
    """The schema that the model answers in."""

    root_cause: str = Field(min_length=1, max_length=4_000)
    culprit_service: str = Field(max_length=200)
    confidence: Confidence
    evidence: list[str] = Field(max_length=100)
    actions: list[str] = Field(max_length=20)


# What the API adds to a prompt: the schema of the answer, and the marks of a conversation.
ADDED_TOKENS: Final = estimated_tokens(json.dumps(RootCause.model_json_schema())) + 50
MAX_PROMPT_TOKENS: Final = MAX_INPUT_TOKENS - ADDED_TOKENS
