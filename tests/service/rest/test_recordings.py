import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

import tonewatch
from service.running import SAMPLE, Service, running
from tonewatch.service.settings import Settings
from tonewatch.store.users import UserRole

RECORDINGS = "/api/v1/recordings"


@pytest.fixture(scope="module")
def client(service: Service) -> httpx.Client:
    return service.keyed(UserRole.SUPERVISOR)


@pytest.fixture(scope="module")
def heard(client: httpx.Client) -> dict[str, object]:
    """A recording that was uploaded and heard."""
    made = upload(client, SAMPLE.read_bytes(), "A call: 1.ogg")
    assert made.status_code == 201, made.text
    assert made.json()["emotion"] is None
    answer = client.post(f"{RECORDINGS}/{made.json()['id']}/detect")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def upload(client: httpx.Client, content: object, name: str = "call.wav") -> httpx.Response:
    return client.post(RECORDINGS, files={"file": (name, content)})  # type: ignore[dict-item]


def wav(seconds: float, subtype: str = "PCM_16", seed: int = 0) -> bytes:
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * 16_000))
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, subtype, format="WAV")
    return file.getvalue()


def test_what_is_heard_is_what_the_library_hears(heard: dict[str, object]) -> None:
    expected = tonewatch.analyze(SAMPLE).to_dict()
    result = heard["result"]
    assert isinstance(result, dict)
    assert result["timeline"] == expected["timeline"]
    assert result["emotion"] == heard["emotion"] == expected["emotion"]
    assert result["bundle"]["sha256"] == tonewatch.Predictor.load("voice").bundle.sha256


def test_a_service_that_stops_blames_no_file(
    client: httpx.Client, service: Service, heard: dict[str, object]
) -> None:
    stop = service.state.detector._stop
    stop.set()
    try:
        refused = client.post(f"{RECORDINGS}/{heard['id']}/detect")
    finally:
        stop.clear()
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:tonewatch:problem:stopping")


def test_list_finds(client: httpx.Client, heard: dict[str, object]) -> None:
    def ids(**query: object) -> list[object]:
        answer = client.get(RECORDINGS, params=query)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    label = heard["emotion"]["label"]  # type: ignore[index]
    assert heard["id"] in ids(search="A CALL")
    assert heard["id"] in ids(label=label, since="2020-01-01T00:00:00Z")
    assert ids(search="nothing like it") == ids(until="2020-01-01T00:00:00Z") == []
    assert ids(label="no such emotion") == []
    page = client.get(RECORDINGS, params={"per_page": 1, "page": 1}).json()
    assert len(page["items"]) == 1 <= page["total"]


def test_shown_results_are_in_the_audit_once(
    client: httpx.Client, heard: dict[str, object], service: Service
) -> None:
    service.clock.turn(hours=2)
    other = service.keyed(UserRole.RESEARCHER)
    for who in (client, client, other):
        assert who.get(f"{RECORDINGS}/{heard['id']}").status_code == 200
    query = {"action": "result.shown", "subject": f"recording:{heard['id']}"}
    entries = client.get("/api/v1/audit", params=query).json()["items"]
    assert len(entries) == 3, "after detection, to one, to the other"
    details = entries[0]["details"]
    result = heard["result"]
    assert isinstance(result, dict)
    assert details["bundle"] == result["bundle"]
    first = result["timeline"][0]
    assert details["windows"][0] == [
        0,
        first["start_s"],
        first["end_s"],
        first["label"],
        round(first["confidence"], 4),
        first["certain"],
    ]
    assert len(details["windows"]) == len(result["timeline"])
    assert "A call: 1" not in str(entries)
    assert client.get("/api/v1/audit/verify").json()["ok"]


def test_a_player_can_seek(client: httpx.Client, heard: dict[str, object]) -> None:
    url = f"{RECORDINGS}/{heard['id']}/audio"
    content = SAMPLE.read_bytes()
    whole = client.get(url)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "audio/ogg"
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-disposition"] == "inline; filename*=UTF-8''A%20call%3A%201.ogg"
    part = client.get(url, headers={"Range": "bytes=100-299"})
    assert (part.status_code, part.content) == (206, content[100:300])
    assert part.headers["content-range"] == f"bytes 100-299/{len(content)}"
    tail = client.get(url, headers={"Range": "bytes=-5"})
    assert (tail.status_code, tail.content) == (206, content[-5:])
    beyond = client.get(url, headers={"Range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(content)}"
    assert beyond.headers["content-type"] == "application/problem+json"
    changed = client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, content)
    head = client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(content))


def test_any_piece_that_is_played_is_in_the_audit_once(
    client: httpx.Client, service: Service
) -> None:
    made = upload(client, SAMPLE.read_bytes()).json()
    url = f"{RECORDINGS}/{made['id']}/audio"
    query = {"action": "recording.played", "subject": f"recording:{made['id']}"}

    def told() -> int:
        return int(client.get("/api/v1/audit", params=query).json()["total"])

    assert client.head(url).status_code == 200
    assert client.get(url, headers={"Range": "bytes=9999999-"}).status_code == 416
    assert told() == 0
    for header in ("bytes=1-", "bytes=100-199", "bytes=0-"):
        assert client.get(url, headers={"Range": header}).status_code == 206
    assert told() == 1
    service.keyed(UserRole.RESEARCHER).get(url)
    assert told() == 2


def test_wav_is_kept_as_flac(client: httpx.Client) -> None:
    made = upload(client, wav(2)).json()
    assert (made["codec"], made["duration_s"], made["name"]) == ("flac", 2, "call.wav")
    audio = client.get(f"{RECORDINGS}/{made['id']}/audio")
    assert audio.headers["content-type"] == "audio/flac"
    assert made["size_bytes"] == len(audio.content) < len(wav(2))
    kept, _ = soundfile.read(io.BytesIO(audio.content), dtype="int16")
    sent, _ = soundfile.read(io.BytesIO(wav(2)), dtype="int16")
    assert np.array_equal(kept, sent)


def test_delete_and_restore(client: httpx.Client) -> None:
    url = f"{RECORDINGS}/{upload(client, wav(1)).json()['id']}"
    assert client.delete(url).status_code == 204
    for gone in (client.get(url), client.get(f"{url}/audio"), client.post(f"{url}/detect")):
        assert gone.status_code == 404
        assert gone.json()["type"] == "urn:tonewatch:problem:no_such"
    deleted = client.get(RECORDINGS, params={"deleted": True}).json()["items"]
    assert url.endswith(deleted[0]["id"])
    assert client.post(f"{url}/restore").json()["deleted_at"] is None
    assert client.get(url).status_code == 200


def test_too_large_is_refused_by_its_header_and_by_its_length(client: httpx.Client) -> None:
    assert upload(client, b"\0" * 2_100_000).status_code == 413

    def endless() -> Iterator[bytes]:
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield head
        for _ in range(40):
            yield b"\0" * 65_536

    refused = client.post(
        RECORDINGS,
        content=endless(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert refused.status_code == 413
    assert "2000000 bytes" in refused.json()["detail"]
    text = client.post("/api/v1/session", content=b" " * 1_100_000)
    assert text.status_code == 413


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"not a recording at all", "not_audio"),
        (wav(3)[:-5_000], "truncated"),
        (wav(41), "settings"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    client: httpx.Client, service: Service, content: bytes, kind: str
) -> None:
    refused = upload(client, content)
    assert refused.status_code == 422
    assert refused.json()["type"] == f"urn:tonewatch:problem:{kind}", refused.text
    assert list((service.state.settings.data_dir / "incoming").iterdir()) == []


def test_form_without_a_file(client: httpx.Client) -> None:
    assert client.post(RECORDINGS, data={"file": "text"}).status_code == 422
    assert client.post(RECORDINGS, json={}).status_code == 422
    assert client.post(RECORDINGS, files=[("file", b"a"), ("other", b"b")]).status_code == 400


def test_nobody_uploads_without_signing_in(service: Service) -> None:
    assert upload(service.client(), wav(1)).status_code == 401


def test_a_model_that_is_off_hears_nothing(client: httpx.Client) -> None:
    made = upload(client, wav(1)).json()
    assert client.put("/api/v1/model", json={"on": False}).json()["on"] is False
    try:
        refused = client.post(f"{RECORDINGS}/{made['id']}/detect")
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:tonewatch:problem:model_off"
        assert client.get("/readyz").json()["model_on"] is False
    finally:
        client.put("/api/v1/model", json={"on": True})
    entries = client.get("/api/v1/audit", params={"action": "model.switched"}).json()["items"]
    assert [entry["details"]["on"] for entry in entries[:2]] == [True, False]


def test_without_audio_only_what_was_heard_is_kept(tmp_path: Path) -> None:
    with running(Settings(data_dir=tmp_path, keep_audio="none", transcribe="off")) as service:
        client = service.keyed(UserRole.SUPERVISOR)
        made = upload(client, SAMPLE.read_bytes()).json()
        assert made["emotion"] is not None
        audio = client.get(f"{RECORDINGS}/{made['id']}/audio")
        assert (audio.status_code, audio.json()["type"]) == (404, "urn:tonewatch:problem:no_audio")
        files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        assert files == []


def test_without_audio_that_of_older_recordings_stays(tmp_path: Path) -> None:
    def blobs() -> list[Path]:
        return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]

    content = SAMPLE.read_bytes()
    with running(Settings(data_dir=tmp_path, transcribe="off")) as service:
        older = upload(service.keyed(UserRole.SUPERVISOR), content).json()
        service.state.recordings.hold(older["id"], True)
    with running(Settings(data_dir=tmp_path, keep_audio="none", transcribe="off")) as service:
        client = service.keyed(UserRole.SUPERVISOR)
        newer = [upload(client, each).json() for each in (content, wav(1), wav(1))]
        assert [each["sha256"] == older["sha256"] for each in newer] == [True, False, False]
        assert newer[0]["size_bytes"] == len(content)
        assert client.get(f"{RECORDINGS}/{older['id']}/audio").content == content
        assert [path.name for path in blobs()] == [older["sha256"]]
        service.state.recordings.hold(older["id"], False)
        for each in (older, *newer):
            service.state.recordings.purge(each["id"])
        assert blobs() == []


def test_a_window_is_explained_with_numbers_and_a_picture(
    client: httpx.Client, heard: dict[str, object], service: Service
) -> None:
    result = heard["result"]
    assert isinstance(result, dict)
    window = result["timeline"][1]
    address = f"{RECORDINGS}/{heard['id']}/explanation"
    answer = client.get(address, params={"start_s": window["start_s"]})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["start_s"], found["end_s"]) == (window["start_s"], window["end_s"])
    assert found["label"] == window["label"]
    assert found["probability"] == pytest.approx(window["confidence"], abs=1e-3)
    assert found["bundle"] == result["bundle"]
    assert len(found["falls"]) == len(found["by_band"]) == len(found["bands_hz"]) - 1
    assert {len(row) for row in found["falls"]} == {len(found["by_time"])}
    assert found["picture"].startswith("data:image/png;base64,iVBOR")
    query = {"action": "recording.explained", "subject": f"recording:{heard['id']}"}
    (entry,) = client.get("/api/v1/audit", params=query).json()["items"]
    assert entry["details"]["label"] == window["label"]
    assert client.get(address, params={"start_s": 4_000}).status_code == 422
    assert client.get(address).status_code == 422


def test_nothing_is_explained_while_the_model_is_off(
    client: httpx.Client, heard: dict[str, object]
) -> None:
    address = f"{RECORDINGS}/{heard['id']}/explanation"
    client.put("/api/v1/model", json={"on": False})
    try:
        answer = client.get(address, params={"start_s": 0})
    finally:
        client.put("/api/v1/model", json={"on": True})
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "model_off")
