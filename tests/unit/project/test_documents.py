"""The documents name only what there is: targets, commands, options, settings, links, files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from firstcause.cli import app as program
from firstcause.settings import PROJECT_ROOT, Settings

DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(str(page.relative_to(PROJECT_ROOT)) for page in (PROJECT_ROOT / "docs").rglob("*.md")),
)

# Names in capitals that belong to others: log levels, CQL, Linux signals, the examples' codes.
NOT_SETTINGS = re.compile(
    r"DB_[A-Z_]+|OTEL_[A-Z_]+|SELECT|FROM|TTL|SIGTERM|SIGKILL|ERROR|FATAL|WARNING|CRITICAL|SEVERE|NAME|FILE|JOBS"
    r"|UTC|ID|INPUT|KEEP|ARGS|NNNN|LEVEL|JSON|[A-Z]"
)


def text_of(document: str) -> str:
    return (PROJECT_ROOT / document).read_text(encoding="utf-8")


def code_of(text: str) -> Iterator[str]:
    """What is written as code: console lines without their comments, and inline code."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language != "console":
            continue
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield line[2:].split(" #")[0].strip()
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose))


def links_of(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors_of(document: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


@pytest.fixture(scope="module")
def commands() -> dict[str, set[str]]:
    """Every command of the program, with its options and those of the commands below it."""
    program._assemble()
    group = typer.main.get_command(program.app)
    return {name: options_of(command) for name, command in group.commands.items()}


def options_of(command: Any) -> set[str]:
    own = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    below = getattr(command, "commands", {}).values()
    return {"--help"} | own.union(*map(options_of, below))


def commands_named(text: str) -> list[list[str]]:
    """The words after each `firstcause` in code."""
    return [
        re.sub(r"^(\.venv/bin/)?firstcause\b", "", part).split()
        for code in code_of(text)
        for part in re.findall(r"(?:^|(?<=\s))(?:\.venv/bin/)?firstcause(?= [a-z]).*", code)
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_and_option_exists(document: str, commands: dict[str, set[str]]) -> None:
    for words in commands_named(text_of(document)):
        assert words[0] in commands, words
        for option in (word for word in words if word.startswith("--")):
            assert option in commands[words[0]], words


def test_options_beside_a_command_in_its_table_row_exist(commands: dict[str, set[str]]) -> None:
    rows = re.findall(
        r"^\| `firstcause ([\w-]+)[^`]*` \| (.*) \|$", text_of("docs/commands.md"), re.MULTILINE
    )
    assert {name for name, _ in rows} == set(commands)
    for name, row in rows:
        options = re.findall(r"--[a-z][a-z-]*", row)
        assert set(options) <= commands[name], (name, options)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_and_variable_exists(document: str) -> None:
    makefile = text_of("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for code in code_of(text_of(document)):
        if not code.startswith("make "):
            continue
        variables = re.findall(r"\b([A-Z]+)=", code)
        bare = re.sub(r'\b[A-Z]+=("[^"]*"|\S+)', "", code)
        assert set(bare.split()[1:]) <= targets, code
        assert all(re.search(rf"\$\({name}\)", makefile) for name in variables), code


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_setting_exists(document: str) -> None:
    known = {name.upper() for name in Settings.model_fields}
    named = {code for code in code_of(text_of(document)) if re.fullmatch(r"[A-Z][A-Z_]*", code)}
    assert {name for name in named if not NOT_SETTINGS.fullmatch(name)} <= known


def test_the_defaults_in_the_table_of_settings_are_the_defaults() -> None:
    default = Settings(_env_file=None)  # type: ignore[call-arg]
    rows = re.findall(
        r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| (.*?) \|", text_of("docs/settings.md"), re.MULTILINE
    )
    assert rows
    for names, values in rows:
        settings = re.findall(r"`([A-Z_]+)`", names)
        for name, value in zip(settings, values.split(", "), strict=True):
            field = Settings.model_fields[name.lower()]
            told = value.strip("`")
            if told == "none":
                assert field.default is None, name
            elif isinstance(field.default, bool):
                assert told == str(field.default).lower(), name
            elif isinstance(field.default, int | float):
                assert float(told) == field.default, name
            else:
                assert told == str(field.default), name
    assert default.kafka_port == 19092


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_and_picture_leads_somewhere(document: str) -> None:
    for link in links_of(text_of(document)):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        page = PROJECT_ROOT / document
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(target), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_in_code_exists(document: str) -> None:
    """`folder/file.ext` and `folder/`, where the first part is one of the project's folders."""
    folders = {path.name for path in PROJECT_ROOT.iterdir() if path.is_dir()} - {".venv"}
    for code in code_of(text_of(document)):
        for word in re.findall(r"[\w./-]+", code):
            first, slash, _ = word.partition("/")
            if slash and first in folders - {".firstcause"} and not re.search(r"NAME|NNNN", word):
                assert (PROJECT_ROOT / word).exists(), code


def test_local_addresses_are_the_defaults() -> None:
    default = Settings(_env_file=None)  # type: ignore[call-arg]
    ports = {
        default.kafka_port,
        default.cassandra_port,
        default.airflow_port,
        default.analyzer_metrics_port,
        default.api_port,
    }
    for document in DOCUMENTS:
        named = re.findall(r"127\.0\.0\.1[: ](\d+)", text_of(document))
        assert set(map(int, named)) <= ports, document


def test_the_picture_is_an_image() -> None:
    from xml.etree import ElementTree

    root = ElementTree.parse(PROJECT_ROOT / "docs" / "way-of-the-data.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
