"""Renders every template of a folder on one incident."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firstcause.incidents.view import IncidentView
from log_analyzer.prompting.folder import (
    ROOT_CAUSE,
    TEMPLATE_ERRORS,
    describe_template_error,
    read_folder,
)
from log_analyzer.prompting.renderer import render_prompt

FENCE_START: Final = "=== LOG DATA "


@dataclass(frozen=True, slots=True)
class Checked:
    """One template: its tokens, or its problem as one line with file and line."""

    template: str
    tokens: int = 0
    problem: str | None = None


def check_templates(folder: Path, view: IncidentView) -> list[Checked]:
    """Renders all templates of a folder; the base first, also when it is missing."""
    try:
        sources = read_folder(folder)
    except OSError as error:
        return [Checked(ROOT_CAUSE, problem=describe_template_error(error, folder))]
    results = []
    for name in dict.fromkeys((ROOT_CAUSE, *sources)):
        path = folder / name
        try:
            if name not in sources:
                raise ValueError("there is no such file, or it is not readable as UTF-8 text")
            prompt = render_prompt(view, name, sources)
        except TEMPLATE_ERRORS as error:
            results.append(Checked(name, problem=describe_template_error(error, path)))
            continue
        # The sentence that announces the fence holds it too.
        lines = [line for line in prompt.text.splitlines() if line.startswith(FENCE_START)]
        problem = None
        if len(lines) < 2:  # noqa: PLR2004
            problem = f"{path}: text from logs needs a line {{{{ fence }}}} before and after it"
        results.append(Checked(name, prompt.tokens, problem))
    return results
