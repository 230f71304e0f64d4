"""Two thousand secrets of forty kinds, and two thousand lines that only look like one."""

from __future__ import annotations

from collections import Counter

import pytest

from log_analyzer.redaction.redactor import redact
from tests.harmless_lines import harmless
from tests.secret_kinds import KINDS, planted

LINES = 2_000
GONE_SHARE = 0.995
TOUCHED_SHARE = 0.005
# So much of a secret is as good as all of it.
PIECE_CHARS = 8


def shows(text: str, secret: str) -> bool:
    pieces = [secret[at : at + PIECE_CHARS] for at in range(max(1, len(secret) - PIECE_CHARS))]
    return secret in text or (len(secret) > 2 * PIECE_CHARS and any(one in text for one in pieces))


def test_there_are_forty_kinds() -> None:
    assert len(KINDS) >= 40
    assert {one.kind for one in planted(LINES, 1, unseen=False)} == set(KINDS)


@pytest.mark.parametrize("unseen", [False, True], ids=["known shapes", "unseen shapes"])
@pytest.mark.parametrize("seed", [1, 2])
def test_secrets_of_all_kinds_go(seed, unseen) -> None:
    leaked = [
        (one.kind, one.line, text)
        for one in planted(LINES, seed, unseen=unseen)
        if shows(text := redact(one.line), one.secret)
    ]
    assert 1 - len(leaked) / LINES >= GONE_SHARE, (Counter(one[0] for one in leaked), leaked[:5])


@pytest.mark.parametrize("unseen", [False, True], ids=["known shapes", "unseen shapes"])
def test_lines_that_only_look_like_secrets_stay_whole(unseen) -> None:
    touched = [
        (line, text) for line in harmless(LINES, 1, unseen=unseen) if (text := redact(line)) != line
    ]
    assert len(touched) / LINES <= TOUCHED_SHARE, touched[:5]
