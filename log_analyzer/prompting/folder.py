"""Reads a folder of prompt templates, chooses an incident's, and locates errors in them."""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import FunctionLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from firstcause.incidents.view import IncidentView
from log_analyzer.report.sections import suspect_names

ROOT_CAUSE: Final = "root_cause.md.j2"
SUFFIX: Final = ".md.j2"
SERVICES: Final = "services"
ERROR_CODES: Final = "error_codes"
MAX_TEMPLATE_BYTES: Final = 100_000

# What a template may do wrong: its syntax, its variables, what it does with them.
TEMPLATE_ERRORS: Final = (
    OSError,
    UnicodeDecodeError,
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_][\w.-]{0,100}")


@dataclass(frozen=True, slots=True)
class Source:
    """One template as it was read."""

    text: str
    path: Path


Sources = Mapping[str, Source]


def read_folder(folder: Path) -> dict[str, Source]:
    """All templates of a folder by name, such as `services/payment.md.j2`.

    What can't be read is left out: a template that needs it is told to be missing.

    Raises:
        OSError: the folder itself can't be read.
    """
    sources: dict[str, Source] = {}
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        try:
            data = path.read_bytes()
            if len(data) <= MAX_TEMPLATE_BYTES:
                text = data.decode("utf-8")
                sources[path.relative_to(folder).as_posix()] = Source(text, path)
        except (OSError, UnicodeDecodeError):
            continue
    return sources


def overrides_of(view: IncidentView) -> Iterator[str]:
    """The names of templates that an incident may have of its own, the first that exists wins.

    Error codes first, in the order of the evidence, then suspects, most likely first, then the
    service that reports the errors. A name that is no plain file name has none.
    """
    codes = dict.fromkeys(one.error_code for one in view.evidence if one.error_code)
    services = dict.fromkeys((*suspect_names(view), view.service_name))
    for folder, names in ((ERROR_CODES, codes), (SERVICES, services)):
        yield from (f"{folder}/{name}{SUFFIX}" for name in names if _FILE_NAME.fullmatch(name))


def template_for(view: IncidentView, sources: Sources) -> str:
    """The name of the template that an incident gets."""
    return next((name for name in overrides_of(view) if name in sources), ROOT_CAUSE)


def load_template(name: str, sources: Sources) -> Template:
    """One template, sandboxed; it may extend or include others of `sources`, nothing else.

    Raises one of `TEMPLATE_ERRORS`.
    """

    def load(wanted: str) -> tuple[str, str, None] | None:
        source = sources.get(wanted)
        return (source.text, str(source.path), None) if source else None

    environment = SandboxedEnvironment(
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def digest_of(sources: Sources) -> str:
    """The digest of all templates: another one when anybody has edited any of them."""
    parts = (f"{name}\0{source.text}\0" for name, source in sorted(sources.items()))
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def describe_template_error(error: Exception, path: Path) -> str:
    """One line for people: the file, the line in it if known, and the error."""
    where, line = str(path), None
    if isinstance(error, TemplateSyntaxError):
        where, line = error.filename or where, error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [one for one in frames if one.filename.endswith(SUFFIX)]
        if own:
            where, line = own[-1].filename, own[-1].lineno
    reason = str(error) or type(error).__name__
    return f"{where}, line {line}: {reason}" if line else f"{where}: {reason}"
