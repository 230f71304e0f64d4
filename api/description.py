"""The API's description in OpenAPI: refusals are problem details, in their own media type."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from api.guard.problems import MEDIA_TYPE, ProblemDetails

_PROBLEM: Final = f"#/components/schemas/{ProblemDetails.__name__}"


def describe(app: FastAPI) -> None:
    """Lets the app describe itself; see the module."""
    generated = app.openapi

    def description() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = generated()
            for path in found["paths"].values():
                for operation in path.values():
                    for response in operation["responses"].values():
                        _set_media_type(response)
        return app.openapi_schema or {}

    # FastAPI's own way to change the description is to replace the method.
    app.openapi = description  # type: ignore[method-assign]


def _set_media_type(response: dict[str, Any]) -> None:
    content = response.get("content", {})
    as_json = content.get("application/json", {})
    if as_json.get("schema", {}).get("$ref") == _PROBLEM:
        content[MEDIA_TYPE] = content.pop("application/json")
