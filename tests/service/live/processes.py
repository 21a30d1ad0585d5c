"""The service as a process of its own, on real databases, that can be killed."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import redis

from tonewatch.service.auth.passwords import hash_password
from tonewatch.service.auth.permissions import Permission
from tonewatch.store.database import Database
from tonewatch.store.keys import ApiKeys
from tonewatch.store.users import UserRole, Users

REDIS = os.environ.get("TONEWATCH_TEST_REDIS", "redis://127.0.0.1:6379")
START_S = 240.0


class Process:
    """`tonewatch serve` with its log."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.log = data_dir.parent / f"{data_dir.name}-{uuid.uuid4().hex[:6]}.log"
        environment = {"transcribe": "off"} | environment
        variables = {f"TONEWATCH_{name.upper()}": value for name, value in environment.items()}
        variables |= {"TONEWATCH_DATA_DIR": str(data_dir), "TONEWATCH_PORT": "0"}
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-u", "-m", "tonewatch", "serve"],
                env=os.environ | variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.url = self._address()

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> int:
        """As systemd or Kubernetes stop it."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(60)

    def _address(self) -> str:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            text = self.log.read_text()
            if found := re.search(r"listens on (http://\S+)", text):
                with suppress(httpx.HTTPError):
                    if httpx.get(f"{found[1]}/readyz", timeout=30).status_code == 200:
                        return found[1]
            assert self.popen.poll() is None, text
            time.sleep(0.1)
        raise AssertionError(f"the service did not start: {self.log.read_text()}")


@contextmanager
def serving(data_dir: Path, **environment: str) -> Iterator[Process]:
    process = Process(data_dir, **environment)
    try:
        yield process
    finally:
        if process.popen.poll() is None:
            process.kill()


def secret_in(database_url: str) -> str:
    """The secret of a new key in a database, which the service need not have seen yet."""
    database = Database(database_url)
    database.upgrade()
    users = Users(database, lambda: datetime.now(UTC))
    user = users.by_name("sender") or users.create(
        "sender", UserRole.CALL_TAKER, hash_password("correct horse battery")
    )
    keys = ApiKeys(database, lambda: datetime.now(UTC))
    _, secret = keys.create("test", [Permission.CALLS_LIVE, Permission.CALLS_READ], user.id, None)
    database.close()
    return secret


def redis_url() -> str:
    """A database number of Redis that is free; skips where there is no Redis."""
    for number in range(15, 0, -1):
        client = redis.Redis.from_url(f"{REDIS}/{number}")
        try:
            if client.dbsize() == 0 and client.set("tonewatch:test", 1, nx=True, ex=600):
                return f"{REDIS}/{number}"
        except redis.RedisError as error:
            pytest.skip(f"no Redis at TONEWATCH_TEST_REDIS: {error}")
        finally:
            client.close()
    pytest.skip("no empty database on Redis")


class Proxy:
    """A TCP proxy before the database, which can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections; new ones are closed at once."""
        self.is_open = False
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self.is_open:
                    near.close()
                    continue
                far = socket.create_connection(self._to)
                self._pairs.append((near, far))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_pass, args=(one, other), daemon=True).start()


def _pass(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
