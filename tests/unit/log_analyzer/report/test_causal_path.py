"""How a fault spread, as people and the model are told: report, thread, picture, prompt."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageChops

from firstcause.incidents.view import ErrorMinute, IncidentView
from log_analyzer.notify.messages.thread import render_reply
from log_analyzer.notify.picture import draw_picture
from log_analyzer.prompting.example_incident import example_incident
from log_analyzer.prompting.renderer import PromptTemplates
from log_analyzer.report.causal_path import TITLE, path_lines
from log_analyzer.report.deterministic import deterministic_report
from log_analyzer.report.sections import report_sections

VIEW = example_incident()


def without_path() -> IncidentView:
    assert VIEW.context is not None
    assert VIEW.context.ranking is not None
    ranking = replace(VIEW.context.ranking, path=("payment",), hops=())
    return replace(VIEW, context=replace(VIEW.context, ranking=ranking))


def test_the_report_tells_the_way_and_what_shows_each_hop() -> None:
    (lines,) = [one.lines for one in report_sections(VIEW) if one.title == TITLE]
    assert lines[0] == "payment → order"
    assert "31 of 40 requests" in lines[1]
    assert path_lines(without_path()) == ()


def test_the_thread_tells_it_too() -> None:
    analysis = deterministic_report(VIEW, "")
    assert "payment → order" in str(render_reply("detail", VIEW, analysis, {}))
    assert TITLE not in str(render_reply("detail", without_path(), analysis, {}))


def test_the_picture_shows_it() -> None:
    minutes = (ErrorMinute("order", VIEW.first_ms, 3),)
    told, untold = (
        Image.open(io.BytesIO(draw_picture(replace(one, error_minutes=minutes)))).convert("L")
        for one in (VIEW, without_path())
    )
    # Both have a palette of their own, so that colours differ a little.
    changed = ImageChops.difference(told, untold).point(lambda one: 255 * (one > 60)).getbbox()
    assert changed is not None
    assert changed[1] > 640


def test_the_prompt_tells_it_and_its_ids_may_be_cited(tmp_path: Path) -> None:
    prompt = PromptTemplates(tmp_path).render(VIEW)
    assert "payment -> order: order goes wrong in 31 of 40" in prompt.text
    assert VIEW.evidence[0].log_id in prompt.log_ids
    assert "How it spread" not in PromptTemplates(tmp_path).render(without_path()).text
