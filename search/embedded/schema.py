"""The fields of an index, how text is divided into words, and the document of a log event."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import tantivy

from firstcause.events.log_event import LogEvent
from search.query.fields import COLUMNS_AS_ATTRIBUTES

WORDS: Final = "words"
# Longer words are left out, and so are not found.
WORD_MAX_BYTES: Final = 256
KEYWORD_MAX_CHARS: Final = 512
# Stands around an attribute's name, so that a name is no value. A private character.
MARK: Final = "\ue000"

KEYWORDS: Final = ("service", "level", "log_id", "trace_id", "error_code", "logger", "instance")
TEXTS: Final = ("message", "exception", "attributes")
NAMED_WHERE_PRESENT: Final = ("exception", "trace_id", "error_code", "logger", "instance")

# These scripts set no blanks: each of their characters is a word, and words are found as phrases.
_UNDIVIDED: Final = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"


def _built_analyzer() -> tantivy.TextAnalyzer:
    pattern = rf"\x{{E000}}|[{_UNDIVIDED}]|[\p{{L}}\p{{N}}\p{{M}}--[{_UNDIVIDED}]]+"
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(pattern))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.remove_long(WORD_MAX_BYTES))
        .build()
    )


def _built_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_bytes_field("key", stored=True)
    builder.add_integer_field("timestamp_ms", indexed=False, fast=True)
    builder.add_integer_field("tie", indexed=False, fast=True)
    builder.add_integer_field("status_code", indexed=False, fast=True)
    builder.add_float_field("latency_ms", indexed=False, fast=True)
    for name in (*KEYWORDS, "present"):
        builder.add_text_field(
            name, tokenizer_name="raw", index_option="basic", fast=name == "level"
        )
    for name in TEXTS:
        builder.add_text_field(name, tokenizer_name=WORDS)
    return builder.build()


_ANALYZER: Final = _built_analyzer()
SCHEMA: Final = _built_schema()


def opened(path: Path) -> tantivy.Index:
    """The index in a folder, made when there is none. Blocks; raises ValueError when it can't."""
    index = tantivy.Index(SCHEMA, path=str(path))
    index.register_tokenizer(WORDS, _ANALYZER)
    return index


def words_of(text: str) -> Sequence[str]:
    """The words that a text is found by, in their order."""
    return list(_ANALYZER.analyze(_composed(text)))


def keyword_of(text: str) -> str:
    """A keyword as it is compared: in lower case, its beginning only where it is endless."""
    return _composed(text)[:KEYWORD_MAX_CHARS].lower()


def tie_of(log_id: str) -> int:
    """Orders logs of the same millisecond: a number of 63 bits."""
    number = int(log_id.replace("-", ""), 16)
    return ((number >> 64) ^ number) & 0x7FFF_FFFF_FFFF_FFFF


def document_of(event: LogEvent) -> tantivy.Document:
    """What is kept of a log event."""
    document = tantivy.Document()
    document.add_bytes("key", f"{event.log_id}{event.service_name}".encode())
    document.add_integer("timestamp_ms", event.timestamp_ms)
    document.add_integer("tie", tie_of(event.log_id))
    document.add_text("service", keyword_of(event.service_name))
    document.add_text("level", event.level)
    document.add_text("log_id", event.log_id)
    document.add_text("message", _composed(event.message))
    for name in NAMED_WHERE_PRESENT:
        value = getattr(event, name)
        if value:
            document.add_text("present", name)
            document.add_text(name, _composed(value) if name in TEXTS else keyword_of(value))
    if event.status_code is not None:
        document.add_integer("status_code", event.status_code)
    if event.latency_ms is not None:
        document.add_float("latency_ms", event.latency_ms)
    for name in COLUMNS_AS_ATTRIBUTES:
        value = getattr(event, name)
        if value:
            document.add_text("attributes", attribute_text(name, value))
    for name, value in event.attributes.items():
        document.add_text("attributes", attribute_text(name, value))
    return document


def attribute_text(name: str, value: str) -> str:
    """An attribute as it is indexed, and as it is looked for."""
    return _composed(f"{MARK}{name}{MARK}{value}")


def _composed(text: str) -> str:
    """One character is one character, however it was typed."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
