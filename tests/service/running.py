"""A service that really runs: uvicorn in a thread, on a port of its own, with a clock to turn."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from tonewatch.service.app import create_app
from tonewatch.service.auth.passwords import hash_password
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.settings import Settings
from tonewatch.service.state import State
from tonewatch.store.users import User, UserRole

SAMPLE = Path(__file__).parents[2] / "samples" / "sample_call.ogg"
PASSWORD = "correct horse battery"


class Clock:
    """The time, as far as it has been turned."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def turn(self, **by: float) -> None:
        self._ahead += timedelta(**by)


@dataclass
class Service:
    """A service under test."""

    app: FastAPI
    url: str
    clock: Clock
    clients: list[httpx.Client] = field(default_factory=list)
    hashed: str = ""

    @property
    def state(self) -> State:
        state = self.app.state.tonewatch
        assert isinstance(state, State)
        return state

    def client(self, **more: Any) -> httpx.Client:
        """Somebody who is not signed in."""
        client = httpx.Client(base_url=self.url, timeout=120, **more)
        self.clients.append(client)
        return client

    def user(self, role: UserRole, name: str | None = None) -> User:
        """The user of this name, made with PASSWORD when they are not there."""
        self.hashed = self.hashed or hash_password(PASSWORD)
        users = self.state.users
        return users.by_name(name or role) or users.create(name or role, role, self.hashed)

    def keyed(self, role: UserRole, *scopes: Permission) -> httpx.Client:
        """Somebody with an API key of these scopes; all by default."""
        wanted = scopes or tuple(Permission)
        _, secret = self.state.keys.create("test", wanted, self.user(role).id, None)
        return self.client(headers={"Authorization": f"Bearer {secret}"})

    def signed_in(self, role: UserRole, name: str | None = None) -> httpx.Client:
        """Somebody with a session, whose token goes with every request."""
        client = self.client()
        body = {"name": self.user(role, name).name, "password": PASSWORD}
        answer = client.post("/api/v1/session", json=body)
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return client


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """Run a service; it is drained and closed at the end."""
    clock = Clock()
    app = create_app(settings, clock)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="on")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        service = Service(app, f"http://127.0.0.1:{port}", clock)
        yield service
        for client in service.clients:
            client.close()
    finally:
        server.should_exit = True
        thread.join()
