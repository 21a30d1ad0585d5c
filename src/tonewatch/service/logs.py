"""Structured logs: one JSON object a line on the standard error, with the request's id.

Uvicorn's own lines come out the same way. No line carries a query, a body or a password: the path
alone is told, as a one-time link has its token in the query.
"""

import logging
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tonewatch.service.metrics import Metrics
from tonewatch.service.problems import respond

_HEADER = b"x-request-id"
_BROKE = "expected to answer, the service broke on this request; its log tells why, by request_id"
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


def configure(level: str) -> None:
    """Send our log and that of the libraries to the standard error as JSON."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Its lines carry the query.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").filters = [_Discreet()]
    for noisy in ("alembic", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _Discreet(logging.Filter):
    """Cuts the query off what Uvicorn tells of WebSockets; below INFO it tells their headers."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                each.partition("?")[0] if isinstance(each, str) and each.startswith("/") else each
                for each in record.args
            )
        return record.levelno >= logging.INFO


class RequestLog:
    """ASGI middleware: gives each request an id, logs its end and measures it.

    What nobody caught ends here: logged with its trace, and answered as a problem.

    The id is the caller's `X-Request-ID` where that is a plain word, else a new one; the answer
    carries it back.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._now = now
        self._log = structlog.get_logger("tonewatch.request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (_HEADER, request_id.encode())]
            await send(message)

        began = self._now()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, answer)
            except Exception as error:
                self._log.error("broke", path=scope["path"], exc_info=error)
                if scope["type"] != "http" or status:
                    raise
                await respond(Request(scope), 500, _BROKE)(scope, receive, answer)
            finally:
                if scope["type"] == "http":
                    self._end(scope, status, self._now() - began)

    def _end(self, scope: Scope, status: int, took_s: float) -> None:
        # The route's template, not the path: a label for each recording would grow for ever.
        route = getattr(scope.get("route"), "path", None) or "other"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, route, str(status)).observe(took_s)
        if scope["path"] not in _QUIET:
            self._log.info(
                "request",
                method=method,
                path=scope["path"],
                status=status,
                ms=round(took_s * 1000, 1),
                actor=scope.get("state", {}).get("actor"),
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _given_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER:
            text: str = value.decode("latin-1")
            if len(text) <= 64 and text.isascii() and text.replace("-", "").isalnum():
                return text
    return ""
