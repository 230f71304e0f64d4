from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_analyzer.prompting.token_estimate import estimated_tokens

# Counted with the tokenizers that mistral-common 1.13.1 ships: the larger of tekken_240911 and
# mistral_instruct_tokenizer_240323.
COUNTED = [
    ("Payment failed: connection refused", 5),
    ("java.lang.IllegalStateException: Failed to load ApplicationContext", 15),
    ("ts-order-service-6d9f7c8b5-xk2lp", 20),
    ("cf05034d-100c-59da-b833-3aa9517affde 2023-01-29T08:42:09.487Z", 55),
    ("Zahlung für Bestellung № 17 fehlgeschlagen — Überlauf", 18),
    ("決済に失敗しました", 12),
]


@pytest.mark.parametrize(("text", "counted"), COUNTED)
def test_the_estimate_is_never_below_what_a_tokenizer_counts(text, counted) -> None:
    assert counted <= estimated_tokens(text) <= 3 * counted


@given(st.text())
def test_it_is_at_most_one_token_for_each_byte(text) -> None:
    assert estimated_tokens(text) <= len(text.encode("utf-8", "replace"))


@given(st.text(), st.text())
def test_more_text_never_costs_less(one, other) -> None:
    assert estimated_tokens(f"{one}\n{other}") >= max(
        estimated_tokens(one), estimated_tokens(other)
    )
