"""Reads and validates YAML files that people edit; an error names its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from firstcause.errors import FirstcauseError

YamlPath = tuple[str | int, ...]
Model = TypeVar("Model", bound=pydantic.BaseModel)


class StrictModel(pydantic.BaseModel):
    """A part of a YAML file: unknown keys and loose types are mistakes."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class CheckedYaml:
    """A parsed YAML file that knows the line of each of its values.

    Args:
        path: the file.
        is_many: the file has several documents, and is read as a list of them.

    Raises (from the constructor):
        FirstcauseError: the file is missing, is no YAML, or names a key twice.
    """

    def __init__(self, path: Path, *, is_many: bool = False) -> None:
        self.path = path
        self._lines: dict[YamlPath, int] = {(): 1}
        try:
            text = path.read_text("utf-8")
            if is_many:
                documents = yaml.compose_all(text, Loader=yaml.SafeLoader)
                root: yaml.Node | None = yaml.SequenceNode("", [one for one in documents if one])
            else:
                root = yaml.compose(text, Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError) as error:
            raise FirstcauseError(f"{path}: cannot be read ({error})") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise FirstcauseError(f"{path}:{line}: not YAML: {error.problem}") from error
        if root is None:
            raise FirstcauseError(f"{path}:1: the file is empty")
        self._content = self._read(root, ())

    def mistake(self, at: YamlPath, text: str) -> FirstcauseError:
        """The error for a mistake at a place in the file; the nearest known line is named."""
        known = at
        while known not in self._lines:
            known = known[:-1]
        return FirstcauseError(f"{self.path}:{self._lines[known]}: {text}")

    def validated(self, model: type[Model]) -> Model:
        """The file as `model`.

        Raises:
            FirstcauseError: a value that does not fit, by file, line and name.
        """
        try:
            return model.model_validate(self._content)
        except pydantic.ValidationError as error:
            # A misspelt key is also a missing one; the unknown key is what to look at.
            mistakes = sorted(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
            first = mistakes[0]
            # pydantic marks a bad mapping key with a last part of its own.
            loc = tuple(part for part in first["loc"] if part != "[key]")
            if first["type"].startswith("union_tag"):
                loc = (*loc, str(first["ctx"]["discriminator"]).strip("'"))
            place = self._place(loc)
            name = ".".join(map(str, place)) or "the file"
            raise self.mistake(place, f"{name}: {first['msg']}") from error

    def _place(self, loc: YamlPath) -> YamlPath:
        """Where an error is in the file; a missing key is the last part, and stays.

        pydantic also names the kind that it chose among several, which is no key.
        """
        place: YamlPath = ()
        for part in loc:
            if (*place, part) in self._lines:
                place = (*place, part)
        return place if not loc or place[-1:] == loc[-1:] else (*place, loc[-1])

    def _read(self, node: yaml.Node, at: YamlPath) -> Any:
        if isinstance(node, yaml.MappingNode):
            mapping: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                key = yaml.SafeLoader("").construct_object(key_node)
                here = (*at, key)
                self._lines[here] = key_node.start_mark.line + 1
                if key in mapping:
                    raise self.mistake(here, f"{key} stands twice")
                mapping[key] = self._read(value_node, here)
            return mapping
        if isinstance(node, yaml.SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                here = (*at, index)
                self._lines[here] = item.start_mark.line + 1
                items.append(self._read(item, here))
            return items
        return yaml.SafeLoader("").construct_object(node)
