"""Refusals and failures as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from firstcause.errors import FirstcauseError
from firstcause.storage.cassandra import AWAY

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = "2"
AWAY_TEXT: Final = "Cassandra does not answer now: look at `firstcause status`, then try again."

_log = structlog.get_logger()


class ProblemDetails(BaseModel):
    """RFC 9457: `detail` says what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[str] = Field(default_factory=list, description="What is wrong, one by one")
    position: int | None = Field(
        default=None, description="Where the mistake in `q` is, in characters from 0"
    )


class Problem(Exception):
    """A request that is not carried out: its status, and a sentence for whoever asked."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.position = position
        self.headers = dict(headers or {})

    @property
    def details(self) -> ProblemDetails:
        """The body of the answer."""
        return ProblemDetails(
            title=self.status.phrase,
            status=self.status.value,
            detail=self.detail,
            errors=list(self.errors),
            position=self.position,
        )


def busy(detail: str, status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE) -> Problem:
    """A refusal that a later try may not get."""
    return Problem(status, detail, headers={"Retry-After": RETRY_AFTER_SECONDS})


def problem_of(failure: Exception) -> Problem:
    """What is told of a failure; nothing of its inside where it is none that was expected."""
    if isinstance(failure, Problem):
        return failure
    if isinstance(failure, RequestValidationError):
        errors = tuple(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"[:300] for one in failure.errors()
        )
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not fit.", errors=errors)
    if isinstance(failure, HTTPException):
        status = HTTPStatus(failure.status_code)
        return Problem(status, str(failure.detail), headers=failure.headers)
    if isinstance(failure, AWAY):
        return busy(AWAY_TEXT)
    if isinstance(failure, FirstcauseError):
        return busy(str(failure))
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "This is a defect: the API's log says more.")


def json_answer(problem: Problem) -> Response:
    """The problem as `application/problem+json`."""
    body: dict[str, Any] = problem.details.model_dump(exclude_none=True)
    return JSONResponse(body, problem.status, problem.headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Lets the app answer every failure as a problem; pages get theirs as HTML."""

    async def answer(request: Request, failure: Exception) -> Response:
        problem = problem_of(failure)
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("api_defect", path=request.url.path, exc_info=failure)
        elif isinstance(failure, (FirstcauseError, *AWAY)):
            _log.warning("api_store_away", path=request.url.path, error=str(failure)[:300])
        as_page = getattr(request.app.state, "problem_page", None)
        if as_page is not None and "text/html" in request.headers.get("accept", ""):
            page: Response = as_page(request, problem)
            return page
        return json_answer(problem)

    kinds = (Problem, RequestValidationError, HTTPException, FirstcauseError, *AWAY, Exception)
    for kind in kinds:
        app.add_exception_handler(kind, answer)
