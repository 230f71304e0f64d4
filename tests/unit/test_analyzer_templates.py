from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_analyzer.templates import MAX_TEMPLATE_CHARS, TemplateMiner, mask


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("Payment 4711 failed after 35ms", "Payment <*> failed after <*>"),
        ("user 3f2b8c1e-0b0a-4c1d-9e77-aa11bb22cc33 gone", "user <*> gone"),
        ("connect to 10.0.0.12:5432 refused", "connect to <*> refused"),
        ("no such file /var/lib/data/part.bin", "no such file <*>"),
        ("mail to ann.lee@example.com bounced", "mail to <*> bounced"),
        ("cannot parse 'a b c' at \"x y\"", "cannot parse <*> at <*>"),
        ("address 0xDEADBEEF, token deadbeefcafe", "address <*>, token <*>"),
        ("GET https://shop.example/api?q=7 failed", "GET <*> failed"),
        ("ids: 1, 2, 3 are locked", "ids: <*> are locked"),
        ("it doesn't work and can't", "it doesn't work and can't"),
        ("first line 7\n  at com.shop.Cart(Cart.java:12)", "first line <*>"),
        ("   \n", "<empty>"),
        ("", "<empty>"),
    ],
)
def test_variables_are_masked_and_words_stay(message: str, template: str) -> None:
    assert mask(message)[0] == template


def test_different_failures_are_different_templates() -> None:
    assert mask("VM started on host 7")[0] != mask("VM paused on host 7")[0]


@given(
    st.lists(st.sampled_from(["order", "for", "user", "failed", "timeout", "while"]), min_size=1),
    st.lists(st.integers(0, 10**12), min_size=2, max_size=2),
    st.lists(st.uuids(), min_size=2, max_size=2),
)
def test_only_variables_apart_means_one_template(words, numbers, ids) -> None:
    one, other = (f"{' '.join(words)} {n} of {i}" for n, i in zip(numbers, ids, strict=True))
    assert TemplateMiner().add(one).template_id == TemplateMiner().add(other).template_id


@given(st.text())
def test_any_text_has_a_short_nonempty_template(message: str) -> None:
    template = TemplateMiner().add(message)
    assert 0 < len(template.text) <= MAX_TEMPLATE_CHARS
    assert template == TemplateMiner().add(message)


@given(st.lists(st.sampled_from(list("/-'\"@.:0fab ")), max_size=5_000))
def test_hostile_text_is_masked_in_bounded_work(parts: list[str]) -> None:
    # Only the first 600 characters are looked at, so no input makes masking slow.
    assert mask("".join(parts))[0]
