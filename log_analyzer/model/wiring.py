"""Assembles the questioner from the settings."""

from __future__ import annotations

from cassandra.cluster import Session

from firstcause.settings import Settings
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.model.breaker import CircuitBreaker
from log_analyzer.model.budget import model_budget
from log_analyzer.model.cache import AnswerCache
from log_analyzer.model.mistral_client import MistralModel
from log_analyzer.model.question import Questioner
from log_analyzer.prompting.renderer import PromptTemplates


def questioner(settings: Settings, session: Session, reader: IncidentReader) -> Questioner:
    """One that asks Mistral, as the settings say. Blocks while Cassandra prepares statements."""
    return Questioner(
        model=MistralModel(settings),
        prompts=PromptTemplates(settings.prompts_dir),
        budget=model_budget(settings, session),
        cache=AnswerCache(session),
        breaker=CircuitBreaker(),
        reader=reader,
        calls_per_incident=settings.analyzer_llm_calls_per_incident,
    )
