"""Errors in the shape of the dialect that was spoken."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from convoy import Code, ConvoyError, Violation
from convoy.errors import invalid
from convoy_gateway.edge.status import http_status, retry_after
from convoy_gateway.fault import fault
from convoy_gateway.oip import errors as oip
from convoy_gateway.openai import errors as openai
from convoy_gateway.outcome import outcome

ROUTES = {
    404: ConvoyError(Code.NOT_FOUND, "there is no such path", "NO_SUCH_PATH"),
    405: ConvoyError(
        Code.UNIMPLEMENTED, "the path does not take this method", "METHOD_NOT_ALLOWED"
    ),
}


def handle_errors(app: FastAPI) -> None:
    """Have every error of ``app`` told by the same table."""

    @app.exception_handler(ConvoyError)
    async def known(request: Request, error: ConvoyError) -> JSONResponse:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def unfit(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [Violation(str(e["loc"][-1]), str(e["msg"])) for e in error.errors()]
        return answer(request, invalid(faults[0].field, faults[0].description, *faults[1:]))

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> JSONResponse:
        response = answer(request, ROUTES.get(error.status_code) or fault(error))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        return answer(request, fault(error))


def answer(request: Request, error: ConvoyError) -> JSONResponse:
    """Write an error for whoever called."""
    outcome().code = error.code.name
    body: dict[str, Any] = oip.body(error)
    if request.url.path.startswith("/v1"):
        body = openai.body(error)
    return JSONResponse(body, http_status(error), retry_after(error))
