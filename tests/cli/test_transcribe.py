"""The command, on the shipped call and on a recording of `transcribed/ljspeech` (else skipped)."""

import json
import re
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from tonewatch.cli.main import app
from transcript.test_http import serving

runner = CliRunner()


@pytest.fixture
def clip(shared_data: Path) -> Path:
    """1.9 s: "in being comparatively modern"."""
    return shared_data / "transcribed" / "ljspeech" / "LJ001-0002.flac"


def test_words_and_phrases_of_a_recording_and_an_error_for_none(clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="needs the extra `words`")
    out, notes = tmp_path / "words.json", tmp_path / "notes.txt"
    notes.write_text("no audio")
    result = runner.invoke(
        app, ["transcribe", str(clip), str(notes), "--phrases", "--json", str(out)]
    )
    assert result.exit_code == 1
    assert re.search(r"0\.\d s .*1\.\d s .*comparatively", result.stdout)
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["backend"] == "pocketsphinx and phrases"
    heard, failed = content["files"]
    assert failed["error"]["kind"] == "not_audio"
    (utterance,) = heard["utterances"]
    assert "comparatively" in utterance["text"].split()
    assert utterance["text"] == " ".join(word["text"] for word in utterance["words"])
    assert set(utterance["words"][0]) == {"text", "start_s", "end_s", "confidence"}
    assert 0 <= utterance["start_s"] < utterance["end_s"] <= soundfile.info(clip).duration + 0.01
    assert heard["phrases"] == []


def test_a_recording_with_pauses_between_its_utterances() -> None:
    pytest.importorskip("pocketsphinx", reason="needs the extra `words`")
    call = Path(__file__).parents[2] / "samples" / "sample_call.ogg"
    result = runner.invoke(app, ["transcribe", str(call), "--phrases", "--json", "-"])
    assert result.exit_code == 0, result.output
    (heard,) = json.loads(result.stdout)["files"]
    starts_s = [one["start_s"] for one in heard["utterances"]]
    assert len(starts_s) > 1 and starts_s == sorted(starts_s)


def test_json_alone_from_a_server(clip: Path) -> None:
    with serving() as server:
        server.answer = json.dumps({"text": "in being modern"}).encode()
        arguments = ["transcribe", str(clip), "--backend", "http", "--url", server.url]
        arguments += ["--model", "large"]
        result = runner.invoke(
            app, [*arguments, "--json", "-"], env={"TONEWATCH_WORDS_KEY": "secret"}
        )
    assert result.exit_code == 0
    (heard,) = json.loads(result.stdout)["files"]
    assert [one["text"] for one in heard["utterances"]] == ["in being modern"]
    assert server.headers["Authorization"] == "Bearer secret"
    assert ("model", b"large") in server.fields


def test_no_server_is_told_of_each_file(clip: Path) -> None:
    with serving() as server:
        url = server.url
    arguments = ["transcribe", str(clip), str(clip), "--backend", "http", "--url", url]
    result = runner.invoke(app, [*arguments, "--json", "-"])
    assert result.exit_code == 1
    errors = [each["error"] for each in json.loads(result.stdout)["files"]]
    assert [error["kind"] for error in errors] == ["transcript"] * 2
    assert "cannot be reached" in errors[0]["message"]


@pytest.mark.parametrize(
    ("backend", "option"), [("whisper", "--model"), ("sherpa", "--model"), ("http", "--url")]
)
def test_a_recogniser_without_what_it_needs_is_wrong_usage(backend: str, option: str) -> None:
    result = runner.invoke(app, ["transcribe", "call.wav", "--backend", backend])
    assert result.exit_code == 2
    assert f"expected {option}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "backends"),
    [
        (["--language", "de"], "whisper or http"),
        (["--language", "de", "--backend", "sherpa", "--model", "m"], "whisper or http"),
        (["--url", "http://127.0.0.1:1/v1"], "http"),
        (["--url", "http://127.0.0.1:1/v1", "--backend", "whisper", "--model", "m"], "http"),
    ],
)
def test_an_option_that_the_recogniser_has_no_use_for_is_wrong_usage(
    arguments: list[str], backends: str
) -> None:
    result = runner.invoke(app, ["transcribe", "call.wav", *arguments])
    told = " ".join(result.stderr.replace("│", " ").split())
    assert result.exit_code == 2 and f"expected --backend {backends} beside it" in told


def test_a_result_with_no_folder_is_wrong_usage(tmp_path: Path) -> None:
    result = runner.invoke(app, ["transcribe", "call.wav", "--json", str(tmp_path / "no" / "f")])
    assert result.exit_code == 2


def test_a_result_replaces_no_recording(tmp_path: Path) -> None:
    call = tmp_path / "call"
    call.write_bytes(b"a recording")
    result = runner.invoke(app, ["transcribe", str(call), "--json", str(call)])
    assert (result.exit_code, call.read_bytes()) == (2, b"a recording")
