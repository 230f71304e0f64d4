"""Colours, fonts and arrowheads of the picture of a case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

STYLE: Final = """
    .page { fill: #ffffff; }
    text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
      fill: #57606a; }
    .title { font-size: 20px; font-weight: 700; fill: #1f2328; }
    .head { font-size: 14px; font-weight: 600; fill: #1f2328; }
    .name { font-weight: 600; fill: #1f2328; }
    .mid { text-anchor: middle; } .end { text-anchor: end; }
    .node { fill: #ffffff; stroke: #6e7781; stroke-width: 1.2; }
    .faint { stroke: #d0d7de; } .dim { fill: #8b949e; font-weight: 400; }
    .loud { fill: #fff1e5; stroke: #bc4c00; stroke-width: 1.5; }
    .culprit { fill: #0969da; stroke: #0550ae; stroke-width: 2.5; }
    .on { fill: #ffffff; }
    .call { fill: none; stroke: #afb8c1; stroke-width: 1.2; marker-end: url(#head); }
    .wrong { fill: none; stroke: #0969da; stroke-width: 2.5; stroke-dasharray: 6 4;
      marker-end: url(#wrong-head); }
    .finding { font-size: 12px; font-weight: 600; fill: #0550ae; stroke: #ffffff; stroke-width: 6;
      paint-order: stroke; }
    .pill { fill: #bc4c00; } .errors { fill: #bc4c00; } .score { fill: #0969da; }
    .arrow { fill: #afb8c1; } .wrong-arrow { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; }
      text { fill: #9da7b3; }
      .title, .head, .name { fill: #f0f3f6; }
      .node { fill: #161b22; }
      .loud { fill: #3a1d0a; stroke: #f0883e; }
      .culprit { fill: #1f6feb; stroke: #79c0ff; }
      .faint { stroke: #30363d; } .dim { fill: #7d8590; }
      .on { fill: #ffffff; }
      .call { stroke: #3d444d; } .arrow { fill: #3d444d; }
      .wrong { stroke: #58a6ff; } .wrong-arrow { fill: #58a6ff; }
      .finding { fill: #79c0ff; stroke: #0d1117; }
      .pill, .errors { fill: #db6d28; } .score { fill: #58a6ff; }
    }
"""


def markers() -> Iterator[str]:
    """The arrowheads, for `marker-end` of the style."""
    yield "  <defs>"
    for name, style in (("head", "arrow"), ("wrong-head", "wrong-arrow")):
        yield (
            f'    <marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path class="{style}" d="M0 0 8 4 0 8z"/></marker>'
        )
    yield "  </defs>"
