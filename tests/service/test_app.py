import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidHandshake
from websockets.sync.client import connect

from service.running import PASSWORD, Service, running
from tonewatch.core.errors import BundleError, SettingsError, UnavailableError
from tonewatch.service.app import create_app
from tonewatch.service.problems import AWAY
from tonewatch.service.settings import Settings
from tonewatch.store.retention import Retention
from tonewatch.store.users import UserRole

HIDDEN = "said-to-nobody"


def test_every_error_is_a_problem(service: Service) -> None:
    client = service.keyed(UserRole.ADMINISTRATOR)
    tries = [
        client.get("/api/v1/nothing"),
        client.get("/nothing"),
        client.put("/api/v1/calls"),
        client.post("/api/v1/users", content=b"{", headers={"Content-Type": "application/json"}),
        client.post("/api/v1/users", json={"name": 1, "more": 2}),
        client.get("/api/v1/calls", params={"page": 0}),
        client.get("/api/v1/calls", headers={"Authorization": "Bearer tw_a_b"}),
    ]
    assert [answer.status_code for answer in tries] == [404, 404, 405, 422, 422, 422, 401]
    for answer in tries:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["status"] == answer.status_code
        assert problem["type"].startswith("urn:tonewatch:problem:")
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert "expected" in problem["detail"] or problem["errors"]
    assert tries[2].headers["allow"] == "GET"
    assert {each["where"] for each in tries[4].json()["errors"]} == {"body.name", "body.more"}


def test_what_breaks_is_a_problem_and_in_the_log(
    fresh: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = fresh.keyed(UserRole.ADMINISTRATOR)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(fresh.state.calls, "list", broken)
    answer = client.get("/api/v1/calls", headers={"X-Request-ID": "abc-123"})
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:tonewatch:problem:internal"
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "abc-123"
    assert "secret detail" not in answer.text
    assert "secret detail" in capsys.readouterr().out


def test_the_callers_request_id_must_be_a_plain_word(service: Service) -> None:
    for given in ("a b", "x" * 65, '"><script>'):
        answer = service.client().get("/healthz", headers={"X-Request-ID": given})
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_security_headers_are_on_everything(service: Service) -> None:
    for path in ("/healthz", "/nothing", "/api/v1/openapi.json", "/api/v1/calls"):
        headers = service.client().get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers or headers["server"] == "uvicorn"
    dashboard = service.client().get("/ui/nothing").headers["content-security-policy"]
    assert "'unsafe-inline'" in dashboard and "default-src 'self'" in dashboard
    assert "'unsafe" not in service.client().get("/uix").headers["content-security-policy"]


def test_metrics_count_requests_by_route(service: Service) -> None:
    client = service.keyed(UserRole.ADMINISTRATOR)
    client.get("/api/v1/calls/none")
    page = service.client().get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=")
    line = 'tonewatch_request_seconds_count{method="GET",route="/calls/{call_id}",status="404"}'
    assert line in page.text


def test_metrics_follow_the_switch_of_another_process(fresh: Service) -> None:
    client = fresh.client()
    for on in (False, True):
        fresh.state.preferences.set("model.on", on)  # as the other does
        fresh.state._model_on = (float("-inf"), not on)  # as 2 s later
        assert client.get("/readyz").json()["model_on"] is on
        assert f"\ntonewatch_model_on {float(on)}\n" in client.get("/metrics").text


def test_not_ready_without_the_database(fresh: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fresh.client().get("/readyz").json()["status"] == "ready"
    fresh.state.draining = True
    assert fresh.client().get("/readyz").status_code == 503
    fresh.state.draining = False
    for path in fresh.state.settings.data_dir.glob("tonewatch.db*"):
        path.unlink()
    fresh.state.settings.data_dir.joinpath("tonewatch.db").mkdir()
    fresh.state.database.close()
    away = fresh.client().get("/readyz")
    assert (away.status_code, away.json()["type"]) == (503, "urn:tonewatch:problem:unavailable")
    assert away.json()["detail"] == AWAY
    assert fresh.client().get("/healthz").status_code == 200
    fresh.state.settings.data_dir.joinpath("tonewatch.db").rmdir()


def test_what_does_not_fit_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        create_app(Settings(data_dir=tmp_path, bundle="no-such-bundle"))
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="TONEWATCH_DATA_DIR"):
        create_app(Settings(data_dir=tmp_path / "file"))


async def _at_once(_: float) -> None:
    await asyncio.sleep(0.01)


def test_retention_goes_on_after_what_nobody_foresaw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()
    faults = [OSError("no room"), UnavailableError("away")]

    def sweep(*_: object, **__: object) -> None:
        if faults:
            raise faults.pop(0)
        tried.set()

    monkeypatch.setattr("tonewatch.service.app.sleep", _at_once)
    monkeypatch.setattr(Retention, "sweep", sweep)
    with (
        capture_logs() as log,
        running(Settings(data_dir=tmp_path / "data", transcribe="off")),
    ):
        assert tried.wait(30)
    failed = [line for line in log if line["event"] == "sweep_failed"]
    assert [str(line.get("exc_info")) for line in failed] == ["no room", "None"]


def test_second_start_keeps_users_and_prints_no_link(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, transcribe="off")
    first = create_app(settings).state.tonewatch
    assert [user.name for user in first.users.list()] == ["admin"]
    first.close()
    second = create_app(settings).state.tonewatch
    assert second.setup_link, "nobody has a password yet"
    second.users.set_password(second.users.list()[0].id, "hash")
    second.close()
    third = create_app(settings).state.tonewatch
    assert third.setup_link == ""
    third.close()


def test_command_serves_until_sigterm(tmp_path: Path) -> None:
    environment = os.environ | {"TONEWATCH_DATA_DIR": str(tmp_path), "TONEWATCH_PORT": "1"}
    command = [sys.executable, "-m", "tonewatch", "serve", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        try:
            first = process.stdout.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+", first)
            assert url, process.stderr.read()
            process.stdout.readline()
            link = process.stdout.readline().strip()
            assert link.startswith(f"{url[0]}/ui/password?token=")
            body = {"token": link.rsplit("=", 1)[1], "password": PASSWORD}
            answer = httpx.post(f"{url[0]}/api/v1/session/password", json=body, timeout=120)
            assert answer.status_code == 200
            live = f"{url[0].replace('http', 'ws')}/api/v1/live?query={HIDDEN}"
            with suppress(InvalidHandshake), connect(live):
                pass
        finally:
            process.send_signal(signal.SIGTERM)
            log = process.stderr.read()
        assert process.wait(120) == 0
    lines = [json.loads(line) for line in log.splitlines()]
    (request,) = (line for line in lines if line["event"] == "request")
    assert request["path"] == "/api/v1/session/password" and request["request_id"]
    assert body["token"] not in log and PASSWORD not in log
    assert any('"WebSocket /api/v1/live"' in line["event"] for line in lines)
    assert HIDDEN not in log
    assert any("shutdown complete" in line["event"] for line in lines)


def test_command_says_what_is_wrong(tmp_path: Path) -> None:
    environment = os.environ | {"TONEWATCH_DATA_DIR": str(tmp_path), "TONEWATCH_KEEP_AUDIO": "mp3"}
    command = [sys.executable, "-m", "tonewatch", "serve"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "tonewatch: expected TONEWATCH_KEEP_AUDIO as one of flac, none, came 'mp3'"
    )
