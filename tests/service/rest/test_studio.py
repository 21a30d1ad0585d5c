"""Recording a corpus through REST: consent first, then takes, as files that train."""

import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from audio.recordings import write
from service.running import Service, running
from tonewatch.core.errors import UnavailableError
from tonewatch.corpora import recorded
from tonewatch.corpora.quality import LIMITS
from tonewatch.corpora.studio import SENTENCES
from tonewatch.service.settings import Settings
from tonewatch.store.users import UserRole
from voices import voice

STUDIO = "/api/v1/studio"


@pytest.fixture(scope="module")
def client(service: Service) -> httpx.Client:
    return service.keyed(UserRole.RESEARCHER)


def agree(client: httpx.Client, **details: str) -> str:
    text = client.get(f"{STUDIO}/prompts").json()["consent"]
    made = client.post(f"{STUDIO}/speakers", json={"agreed": True, "consent": text} | details)
    assert made.status_code == 201, made.text
    return str(made.json()["number"])


def spoken(tmp_path: Path, ending: str, gain: float = 1.0) -> bytes:
    samples = np.pad(voice("angry", 1, 0), 8_000) * np.float32(gain)
    return write(tmp_path / f"take.{ending}", samples, 16_000).read_bytes()


def send(client: httpx.Client, content: bytes, speaker: str, **more: Any) -> httpx.Response:
    form = {"speaker": speaker, "state": "angry", "sentence": "2"} | more
    return client.post(f"{STUDIO}/takes", files={"file": ("take", content)}, data=form)


def test_prompts_tell_what_to_speak_and_what_to_agree_to(client: httpx.Client) -> None:
    prompts = client.get(f"{STUDIO}/prompts").json()
    assert prompts["sentences"] == list(SENTENCES)
    assert prompts["states"] == ["angry", "drunk", "painful", "stressful"]
    assert "deleted" in prompts["consent"]
    assert prompts["limits"]["least_snr_db"] == 15


def test_without_consent_nothing_is_kept(
    client: httpx.Client, service: Service, tmp_path: Path
) -> None:
    url = f"{STUDIO}/speakers"
    assert client.post(url, json={"agreed": False, "consent": "x"}).status_code == 422
    assert client.post(url, json={"agreed": True, "consent": "another"}).status_code == 409
    refused = send(client, spoken(tmp_path, "wav"), "77")
    assert (refused.status_code, refused.json()["type"]) == (404, "urn:tonewatch:problem:no_such")
    studio = service.state.settings.data_dir / "studio"
    assert not list(studio.rglob("*.wav"))


@pytest.mark.parametrize("ending", ["wav", "webm", "ogg"])
def test_a_good_take_is_kept_as_a_corpus(
    client: httpx.Client, service: Service, tmp_path: Path, ending: str
) -> None:
    speaker = agree(client, sex="female", age="30-39")
    answer = send(client, spoken(tmp_path, ending), speaker)
    assert answer.status_code == 201, answer.text
    check = answer.json()
    assert (check["advice"], check["remarks"]) == ("keep", [])
    take = check["take"]
    assert (take["id"], take["state"]) == (f"01_02_01_01_{speaker}", "angry")
    assert take["sentence"] == SENTENCES[1]
    audio = client.get(f"{STUDIO}/takes/{take['id']}/audio")
    assert audio.headers["content-type"] == "audio/wav"
    samples, rate_hz = soundfile.read(io.BytesIO(audio.content))
    assert rate_hz == 16_000
    assert len(samples) == pytest.approx(35_200, abs=1_000)
    table = recorded.read(service.state.settings.data_dir / "studio")
    (utterance,) = [u for u in table.utterances if u.speaker == f"recorded:{speaker}"]
    assert (utterance.emotion, utterance.sex) == ("angry", "female")
    listed = client.get(f"{STUDIO}/takes", params={"speaker": speaker}).json()
    assert (listed["total"], listed["items"]) == (1, [take])
    assert not list((service.state.settings.data_dir / "incoming").iterdir())


def test_a_bad_take_is_kept_only_if_somebody_insists(client: httpx.Client, tmp_path: Path) -> None:
    speaker, quiet = agree(client), spoken(tmp_path, "wav", 0.002)
    answer = send(client, quiet, speaker)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["advice"], answer.json()["take"]) == ("retake", None)
    assert "too_quiet" in [remark["word"] for remark in answer.json()["remarks"]]
    assert send(client, spoken(tmp_path, "wav"), speaker, keep="never").status_code == 200
    assert client.get(f"{STUDIO}/takes", params={"speaker": speaker}).json()["total"] == 0
    assert send(client, quiet, speaker, keep="always").status_code == 201
    assert client.get(f"{STUDIO}/takes", params={"speaker": speaker}).json()["total"] == 1


@pytest.mark.parametrize(
    "form",
    [{"state": "bored"}, {"sentence": "5"}, {"sentence": "0"}, {"sentence": "²"},
     {"keep": "maybe"}, {"state": ""}],
)  # fmt: skip
def test_a_form_that_does_not_fit(client: httpx.Client, form: dict[str, str]) -> None:
    refused = send(client, b"RIFF", "01", **form)
    assert refused.status_code == 422
    assert "expected" in refused.json()["detail"]


def test_what_is_no_take_is_refused(client: httpx.Client, service: Service) -> None:
    speaker = agree(client)
    long = io.BytesIO()
    soundfile.write(long, np.zeros(8_000 * 61), 8_000, "PCM_U8", format="WAV")
    for content, kind in ((b"", "empty"), (b"no take", "not_audio"), (long.getvalue(), "settings")):
        refused = send(client, content, speaker)
        assert refused.status_code == 422, refused.text
        assert refused.json()["type"] == f"urn:tonewatch:problem:{kind}"
    assert client.post(f"{STUDIO}/takes", json={}).status_code == 422
    assert not list((service.state.settings.data_dir / "incoming").iterdir())


def test_the_longest_take_of_a_browser_fits(client: httpx.Client, tmp_path: Path) -> None:
    speaker, samples = agree(client), np.pad(voice("angry", 1, 0), 8_000)
    longest = np.resize(samples, round(LIMITS.longest_s * 16_000))
    for rate_hz in (48_000, 192_000):
        spoken = np.repeat(longest, rate_hz // 16_000)
        content = write(tmp_path / f"{rate_hz}.wav", spoken, rate_hz).read_bytes()
        answer = send(client, content, speaker, keep="never")
        assert answer.status_code == 200, answer.text
        assert answer.json()["duration_s"] == pytest.approx(LIMITS.longest_s)
    beyond = send(client, b"\0" * 5_100_000, speaker)
    assert beyond.status_code == 413
    assert "4992000 bytes" in beyond.json()["detail"]


def test_takes_are_deleted_and_speakers_forgotten(
    client: httpx.Client, service: Service, tmp_path: Path
) -> None:
    speaker, content = agree(client), spoken(tmp_path, "wav")
    first, second = (send(client, content, speaker).json()["take"]["id"] for _ in range(2))
    assert second == f"{first}-2"
    assert client.delete(f"{STUDIO}/takes/{first}").status_code == 204
    assert client.get(f"{STUDIO}/takes/{first}/audio").status_code == 404
    assert client.delete(f"{STUDIO}/speakers/{speaker}").status_code == 204
    assert client.delete(f"{STUDIO}/speakers/{speaker}").status_code == 404
    assert client.get(f"{STUDIO}/takes", params={"speaker": speaker}).json()["items"] == []
    numbers = [who["number"] for who in client.get(f"{STUDIO}/speakers").json()["items"]]
    assert speaker not in numbers
    assert not list((service.state.settings.data_dir / "studio").glob(f"*_{speaker}*"))
    auditor = service.keyed(UserRole.SUPERVISOR)
    entries = auditor.get("/api/v1/audit", params={"subject": f"take:{first}"}).json()["items"]
    assert {entry["action"] for entry in entries} == {"studio.kept", "studio.deleted"}
    entries = auditor.get("/api/v1/audit", params={"subject": f"speaker:{speaker}"}).json()["items"]
    actions = [entry["action"] for entry in entries]
    assert actions == ["studio.forgotten", "studio.forgetting", "studio.agreed"]


def test_who_forgot_a_speaker_is_told_though_the_database_goes_away(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker, append = agree(client), service.state.audit.append

    def away(actor: str, action: str, *more: Any) -> Any:
        if action == "studio.forgotten":
            raise UnavailableError("away")
        return append(actor, action, *more)

    monkeypatch.setattr(service.state.audit, "append", away)
    assert client.delete(f"{STUDIO}/speakers/{speaker}").status_code == 503
    assert client.delete(f"{STUDIO}/speakers/{speaker}").status_code == 404
    entries = service.state.audit.list(subject=f"speaker:{speaker}").items
    assert [entry.action for entry in entries] == ["studio.forgetting", "studio.agreed"]


def test_sentences_of_ones_own_and_a_service_that_keeps_no_audio(tmp_path: Path) -> None:
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio" / "prompts.toml").write_text('sentences = ["Come soon."]\n')
    with running(Settings(data_dir=tmp_path, keep_audio="none")) as service:
        client = service.keyed(UserRole.ADMINISTRATOR)
        prompts = client.get(f"{STUDIO}/prompts").json()
        assert prompts["sentences"] == ["Come soon."]
        body = {"agreed": True, "consent": prompts["consent"]}
        refused = client.post(f"{STUDIO}/speakers", json=body)
        assert (refused.status_code, refused.json()["type"]) == (
            409, "urn:tonewatch:problem:no_audio",
        )  # fmt: skip
