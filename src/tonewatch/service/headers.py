"""Security headers on every answer (OWASP Secure Headers; CSP level 3).

What the service itself answers may load nothing at all. The dashboard's pages need their own
scripts inline and `eval`, as NiceGUI works that way, and nothing from elsewhere. It does not know
who asks.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

STRICT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
DASHBOARD = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)

_ALL = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"microphone=(self), camera=(), geolocation=()",
}
_HTTPS = {b"strict-transport-security": b"max-age=31536000"}


class SecurityHeaders:
    """ASGI middleware: adds the headers that the answer does not carry yet.

    Args:
        app: what answers.
        dashboard: where the dashboard lies.
        https: whether browsers come by https, whatever the last hop is.
    """

    def __init__(self, app: ASGIApp, dashboard: str = "/ui", https: bool = False) -> None:
        self._app = app
        self._dashboard = dashboard
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        in_dashboard = path == self._dashboard or path.startswith(f"{self._dashboard}/")
        wanted = dict(_ALL)
        wanted[b"content-security-policy"] = (DASHBOARD if in_dashboard else STRICT).encode()
        if not in_dashboard:
            wanted[b"cache-control"] = b"no-store"
        if self._https or scope["scheme"] == "https":
            wanted |= _HTTPS

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                more = [pair for pair in wanted.items() if pair[0] not in there]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._app(scope, receive, answer)
