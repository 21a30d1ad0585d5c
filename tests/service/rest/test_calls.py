import io
import zipfile
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import numpy as np
import pytest
import soundfile

from service.running import SAMPLE, Service
from tonewatch.store.users import UserRole
from tonewatch.store.windows import Window

CALLS = "/api/v1/calls"
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEARD = {"calm": 0.25, "fearful": 0.75}
EMOTION = {"label": "fearful", "confidence": 0.75, "certain": True, "probabilities": HEARD}


@pytest.fixture(scope="module")
def client(service: Service) -> httpx.Client:
    return service.keyed(UserRole.ADMINISTRATOR)


@pytest.fixture
def call(service: Service) -> str:
    """An ended call of two windows, one without speech, and a recording."""
    calls, call_id = service.state.calls, uuid4().hex
    calls.start(
        call_id,
        started_at=BEGAN,
        channels=["caller", "call_taker"],
        metadata={"caller": "+49 30 1234"},
        bundle="voice",
        bundle_sha256="ab" * 32,
        threshold=0.6,
    )
    calls.add_windows(
        call_id,
        [
            Window(0, 0.0, 3.0, "fearful", 0.75, True, HEARD, 2.5),
            Window(0, 1.0, 4.0),
        ],
    )
    calls.end(call_id, ended_at=BEGAN, reason="hung_up", duration_s=4.0, emotion=EMOTION)
    with SAMPLE.open("rb") as file:
        sha256, size = service.state.blobs.put(file)
    service.state.recordings.add(
        sha256=sha256,
        name="call",
        size_bytes=size,
        duration_s=30.0,
        rate_hz=16_000,
        channels=1,
        codec="ogg",
        call_id=call_id,
    )
    return call_id


@pytest.mark.parametrize(
    ("roles", "is_heard"),
    [(["caller", "call_taker"], True), (["call_taker", "caller"], False), (["call_taker"], None)],
)
def test_a_call_taker_on_a_recording_is_not_judged(
    service: Service, client: httpx.Client, roles: list[str], is_heard: bool | None
) -> None:
    """The left channel speaks, the right one is silent."""
    calls, call_id = service.state.calls, uuid4().hex
    calls.start(
        call_id,
        started_at=BEGAN,
        channels=roles,
        metadata={},
        bundle="voice",
        bundle_sha256="ab" * 32,
        threshold=0.6,
    )
    calls.end(call_id, ended_at=BEGAN, reason="hung_up", duration_s=4.0, emotion=None)
    samples, rate_hz = soundfile.read(SAMPLE, frames=96_000)
    flac = io.BytesIO()
    both = np.stack([samples, np.zeros_like(samples)], axis=1)[:, : len(roles)]
    soundfile.write(flac, both, rate_hz, format="FLAC")
    flac.seek(0)
    sha256, size = service.state.blobs.put(flac)
    kept = service.state.recordings.add(
        sha256=sha256,
        name="call",
        size_bytes=size,
        duration_s=len(samples) / rate_hz,
        rate_hz=rate_hz,
        channels=len(roles),
        codec="flac",
        call_id=call_id,
    )
    answer = client.post(f"/api/v1/recordings/{kept.id}/detect")
    explained = client.get(f"/api/v1/recordings/{kept.id}/explanation", params={"start_s": 0})
    if is_heard is None:
        for refused in (answer, explained):
            assert refused.status_code == 409
            assert refused.json()["type"].endswith(":nothing_scored")
    else:
        assert (answer.json()["result"]["speech_s"] > 1) is is_heard
        assert (answer.json()["result"]["emotion"] is not None) is is_heard


def test_list_and_filter(client: httpx.Client, call: str) -> None:
    def ids(**query: str) -> list[str]:
        answer = client.get(CALLS, params=query)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert call in ids() and call in ids(search="30 1234", state="ended", label="fearful")
    assert ids(state="live") == ids(since="2026-02-01T00:00:00Z") == []
    assert client.get(CALLS, params={"state": "asleep"}).status_code == 422
    assert client.get(CALLS, params={"since": "2026-02-01T00:00:00"}).status_code == 422
    assert client.get(CALLS, params={"since": "0001-01-01T00:00:00+14:00"}).status_code == 422


def test_timeline_is_told_and_is_in_the_audit(client: httpx.Client, call: str) -> None:
    answer = client.get(f"{CALLS}/{call}/timeline").json()
    assert answer["call"] == client.get(f"{CALLS}/{call}").json()
    assert [window["label"] for window in answer["windows"]] == ["fearful", None]
    query = {"subject": f"call:{call}", "action": "result.shown"}
    entries = client.get("/api/v1/audit", params=query).json()["items"]
    assert entries[-1]["details"] == {
        "bundle": {"name": "voice", "sha256": "ab" * 32, "threshold": 0.6},
        "emotion": {"label": "fearful", "confidence": 0.75, "certain": True},
        "windows": [[0, 0.0, 3.0, "fearful", 0.75, True]],
    }


def test_lists_that_show_emotions_are_in_the_audit(client: httpx.Client, call: str) -> None:
    client.get(CALLS)
    entries = client.get("/api/v1/audit", params={"action": "result.listed"}).json()["items"]
    judged = {"label": "fearful", "confidence": 0.75, "certain": True}
    assert [call, "ab" * 32, 0.6, judged] in entries[0]["details"]["results"]


def test_notes_and_decisions(client: httpx.Client, call: str) -> None:
    note = client.post(f"{CALLS}/{call}/notes", json={"text": "third floor"})
    assert note.status_code == 201
    assert client.get(f"{CALLS}/{call}/notes").json()["items"] == [note.json()]
    body = {"kind": "priority", "value": "raised", "reason": "cries for help"}
    decision = client.post(f"{CALLS}/{call}/decisions", json=body)
    assert decision.status_code == 201
    assert client.get(f"{CALLS}/{call}/decisions").json()["items"] == [decision.json()]
    assert note.json()["author"] == decision.json()["user"] == "administrator"
    audit = client.get("/api/v1/audit", params={"subject": f"call:{call}"}).text
    assert "call.noted" in audit and "call.decided" in audit
    assert "third floor" not in audit and "cries for help" not in audit
    for wrong in ({"text": ""}, {"text": "  "}, {"text": "a\0b"}, {"texts": "a"}):
        assert client.post(f"{CALLS}/{call}/notes", json=wrong).status_code == 422


def test_hold_stops_erasure_and_erasure_leaves_a_stub(
    client: httpx.Client, call: str, service: Service
) -> None:
    url = f"{CALLS}/{call}"
    client.post(f"{url}/notes", json={"text": "third floor"})
    assert client.put(f"{url}/hold", json={"on": True}).json()["legal_hold"] is True
    assert client.post(f"{url}/erase").status_code == 409
    assert client.put(f"{url}/hold", json={"on": False}).json()["legal_hold"] is False
    stub = client.post(f"{url}/erase").json()
    assert stub["erased_at"] and stub["metadata"] == {} and stub["emotion"] is None
    assert client.get(f"{url}/timeline").json()["windows"] == []
    assert client.get(f"{url}/notes").json()["items"] == []
    assert client.post(f"{url}/notes", json={"text": "too late"}).status_code == 409
    assert service.state.recordings.list(call_id=call).total == 0


def test_export_is_a_zip_with_all(client: httpx.Client, call: str) -> None:
    answer = client.get(f"{CALLS}/{call}/export")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="call-{call}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        assert b"call.exported" in archive.read("audit.json")
        assert b"fearful" in archive.read("timeline.csv")
        (audio,) = (name for name in names if name.startswith("audio/"))
        assert archive.read(audio) == SAMPLE.read_bytes()


@pytest.mark.parametrize("path", ["", "/timeline", "/notes", "/decisions", "/export"])
def test_no_such_call(client: httpx.Client, path: str) -> None:
    answer = client.get(f"{CALLS}/none{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
