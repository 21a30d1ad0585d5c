"""How large a request's body may be: refused by its header, or as soon as it grows beyond.

It knows paths and bytes, not what is in them.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tonewatch.service.problems import Refusal, respond

_MULTIPART = 16 * 1024  # what boundaries and headers of a form may add to its file


class BodyLimit:
    """ASGI middleware: counts what comes.

    Args:
        app: what takes the body.
        largest: bytes of a body.
        uploads: paths whose bodies are files, by POST, with the bytes of the largest such file.
    """

    def __init__(self, app: ASGIApp, largest: int, uploads: Mapping[str, int]) -> None:
        self._app = app
        self._largest = largest
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        file = self._uploads.get(scope["path"].rstrip("/")) if scope["method"] == "POST" else None
        told = self._largest if file is None else file
        limit = told if file is None else told + _MULTIPART
        seen = 0

        detail = f"expected a body of at most {told} bytes, came more; ask for a higher limit"
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            await respond(Request(scope), 413, detail)(scope, receive, send)
            return

        async def count() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise Refusal(413, detail)
            return message

        await self._app(scope, count, send)
