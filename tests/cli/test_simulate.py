import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from audio.recordings import write
from service.live.talk import key
from service.live.test_live import ended
from service.running import Service, running
from tonewatch.cli.main import app
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.settings import Settings

runner = CliRunner()


def simulate(*arguments: object, **environment: str) -> Result:
    given = ["simulate", *map(str, arguments)]
    return runner.invoke(app, given, env={"COLUMNS": "160", "TONEWATCH_KEY": None, **environment})


def labels(folder: Path) -> list[dict[str, object]]:
    calls = json.loads((folder / "manifest.json").read_text("utf-8"))["calls"]
    assert isinstance(calls, list)
    return calls


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), transcribe="off")
    with running(settings) as service:
        yield service


def test_calls_without_anything_else(tmp_path: Path) -> None:
    made = ["--calls", 10, "--base-rate", 0.2]
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    assert simulate("--out", first, *made).exit_code == 0
    assert simulate("--out", again, *made).exit_code == 0
    assert simulate("--out", other, *made, "--seed", 2).exit_code == 0
    calls = labels(first)
    assert len(calls) == 10
    assert sum(call["to_check"] is True for call in calls) == 2
    assert calls == labels(again) != labels(other)
    for call in calls:
        files = [folder / str(call["file"]) for folder in (first, again)]
        assert files[0].read_bytes() == files[1].read_bytes()
        info = soundfile.info(files[0])
        assert (info.samplerate, info.channels) == (16_000, 2)
        assert info.duration == pytest.approx(call["duration_s"], abs=1e-3)
    settings = json.loads((first / "manifest.json").read_text("utf-8"))["made_with"]
    assert (settings["calls"], settings["seed"]) == (10, 1)


def test_callers_of_a_corpus_in_noise_who_laugh(tmp_path: Path, voices: Path) -> None:
    for name in ("street", "haha"):
        (tmp_path / name).mkdir()
        tone = 0.2 * np.sin(np.arange(8_000) * (0.3 if name == "street" else 0.8))
        write(tmp_path / name / "1.wav", tone.astype(np.float32), 16_000)
    out = tmp_path / "calls"
    came = simulate(
        *("--out", out, "--calls", 20, "--base-rate", 1, "--corpus", f"mine:folders={voices}"),
        *("--noise", tmp_path / "street", "--snr-db", 5, "--laughter", tmp_path / "haha"),
        *("--channels", "caller", "--packet-loss", 0.05),
    )
    assert came.exit_code == 0, came.output
    assert "20 calls" in came.output
    calls = labels(out)
    assert {str(call["speaker"]).partition(":")[0] for call in calls} == {"mine"}
    spans = [span for call in calls for span in call["spans"]]  # type: ignore[attr-defined]
    assert {span["emotion"] for span in spans if span["what"] == "speech"} <= {"angry", "sad"}
    assert any(span["what"] == "laughter" for span in spans)
    assert all(call["roles"] == ["caller"] for call in calls)
    assert not any(call["text_heard"] for call in calls)


def test_the_line_may_be_left_out(tmp_path: Path) -> None:
    for line in ("none", "telephone"):
        arguments = ["--calls", 1, "--line", line, "--channels", "mixed", "--base-rate", 0]
        assert simulate("--out", tmp_path / line, *arguments).exit_code == 0
    clean, line = (
        soundfile.read(tmp_path / name / "call-0001.flac", dtype="float32")[0]
        for name in ("none", "telephone")
    )
    assert clean.shape == line.shape
    end = slice(-6_000, -2_000)  # of the last pause
    assert not clean[end].any()
    assert np.abs(line[end]).max() > 1e-3


def test_a_bundle_hears_them_and_is_scored(tmp_path: Path, tiny_bundle: Path) -> None:
    out, target = tmp_path / "calls", tmp_path / "scores.json"
    made = ["--calls", 12, "--base-rate", 0.25, "--out", out]
    came = simulate("--hear", tiny_bundle, *made, "--json", target)
    assert came.exit_code == 0, came.output
    assert "Urgency puts grave before minor" in came.output
    assert "Spoken by a program" in came.output
    heard = json.loads(target.read_text("utf-8"))["heard"]
    assert len(heard["calls"]) == 12
    # The words are those of the scripts, and of no transcript: that is no feat.
    assert heard["scores"]["auc"] > 0.8
    again = simulate("--from", out, "--hear", tiny_bundle, "--json", "-")
    assert again.exit_code == 0, again.output
    assert "Urgency puts grave before minor" in again.stderr
    read = json.loads(again.stdout)["heard"]
    assert read["protocol"] == heard["protocol"]
    for call, before in zip(read["calls"], heard["calls"], strict=True):
        assert call == before | {"urgency": pytest.approx(before["urgency"], abs=0.01)}


def test_speakers_that_the_bundle_was_trained_on_are_not_heard(
    tmp_path: Path, tiny_bundle: Path, voices: Path
) -> None:
    for name, trained, told in (
        ("some", ["mine:s0", "mine:s1", "mine:s2"], "Speaker-independent"),
        ("all", [f"mine:s{k}" for k in range(6)], "WARNING: these speakers were trained on"),
    ):
        bundle = tmp_path / name
        shutil.copytree(tiny_bundle, bundle)
        content = json.loads((bundle / "bundle.json").read_text("utf-8"))
        content["training"] = {"speakers": trained}
        (bundle / "bundle.json").write_text(json.dumps(content), "utf-8")
        target = tmp_path / f"{name}.json"
        came = simulate(
            *("--hear", bundle, "--corpus", f"mine:folders={voices}", "--calls", 10),
            *("--json", target, "--base-rate", 0.2),
        )
        assert came.exit_code == 0, came.output
        heard = json.loads(target.read_text("utf-8"))["heard"]
        assert told in heard["protocol"]
        speakers = {call["speaker"] for call in heard["calls"]}
        assert name == "all" or not speakers & set(trained)


def test_names_in_brackets_are_told_to_the_letter(
    tmp_path: Path, tiny_bundle: Path, voices: Path
) -> None:
    asked = ["--corpus", f"[own]:folders={voices}", "--calls", 2, "--out", tmp_path / "[calls]"]
    came = simulate("--hear", tiny_bundle, *asked)
    assert came.exit_code == 0, came.output
    told = "".join(came.stdout.split())
    assert "[own]" in told and "[calls]" in told


def test_calls_come_again_at_another_rate(tmp_path: Path, service: Service) -> None:
    out, target = tmp_path / "calls", tmp_path / "run.json"
    made = ["--out", out, "--calls", 2, "--rate", "1/h", "--base-rate", 0]
    assert simulate(*made).exit_code == 0
    assert labels(out)[1]["at_s"] > 60  # type: ignore[operator]
    arguments = ["--from", out, "--rate", "60/s", "--json", target]
    came = simulate("--play", service.url, *arguments, TONEWATCH_KEY=key(service))
    assert came.exit_code == 0, came.output
    assert json.loads(target.read_text("utf-8"))["played"]["summary"]["finished"] == 2


def test_playing_into_a_service(tmp_path: Path, service: Service) -> None:
    target = tmp_path / "run.json"
    arguments = ["--calls", 2, "--rate", "60/s", "--channels", "both", "--json", target]
    came = simulate("--play", service.url, *arguments, TONEWATCH_KEY=key(service))
    assert came.exit_code == 0, came.output
    assert "2 of 2" in came.output
    content = json.loads(target.read_text("utf-8"))
    assert f"seed of these calls is {content['made_with']['seed']}." in came.stderr
    played = content["played"]
    assert played["summary"]["finished"] == 2
    assert played["summary"]["windows"] > 20
    for call in played["calls"]:
        kept = ended(service, call["call_id"])
        assert kept.metadata["simulated"] == call["id"]
        assert not set(kept.metadata) - {"number", "sim", "origin", "place", "simulated"}
        assert 0 < call["urgency"] < 1
    assert played["scores"]["missing"] == 0


def test_ctrl_c_ends_open_calls(tmp_path: Path, service: Service) -> None:
    target = tmp_path / "run.json"
    arguments = ["--play", service.url, "--calls", "30", "--rate", "10/s", "--json", str(target)]
    before = {call.id for call in service.state.calls.list().items}
    with subprocess.Popen(
        [sys.executable, "-m", "tonewatch", "simulate", *arguments],
        env=os.environ | {"TONEWATCH_KEY": key(service)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in its background ignores Ctrl+C, and so would this.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        until = time.monotonic() + 240
        while len(service.state.bus.calls()) < 2:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "open calls were ended" in out
    summary = json.loads(target.read_text("utf-8"))["played"]["summary"]
    assert summary["interrupted"] and summary["hung_up"] >= 2
    assert summary["troubled"] == 0
    mine = [call for call in service.state.calls.list().items if call.id not in before]
    reasons = {ended(service, call.id).reason for call in mine}
    assert reasons <= {"hung_up", "finished"} and "hung_up" in reasons


def test_keys_and_services_that_will_not_do(service: Service) -> None:
    nothing = simulate("--play", "http://127.0.0.1:9", "--calls", 1, "--key", "tw_x")
    assert nothing.exit_code == 1
    assert "start one with `tonewatch serve`" in nothing.stderr
    wrong = simulate("--play", service.url, "--calls", 1, "--key", "tw_00000000_x")
    assert wrong.exit_code == 1
    assert "name a key that holds" in wrong.stderr
    reader = key(service, Permission.CALLS_READ)
    unscoped = simulate("--play", service.url, "--calls", 1, "--key", reader)
    assert unscoped.exit_code == 1
    assert "scope calls:live" in unscoped.stderr
    keyless = simulate("--play", service.url)
    assert keyless.exit_code == 2
    assert "TONEWATCH_KEY" in keyless.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--out, --play or --hear"),
        (["--out", "x", "--from", "y"], "--from or --out"),
        (["--out", "x", "--rate", "6"], "6/min"),
        (["--out", "x", "--rate", "0/min"], "above 0"),
        (["--out", "x", "--base-rate", "2"], "from 0 to 1"),
        (["--out", "x", "--line", "none", "--packet-loss", "0.1"], "choose telephone"),
        (["--out", "x", "--texts", "none.csv"], "cannot read the texts"),
        (["--out", "x", "--corpus", "ravdess"], "NAME=PATH"),
        (["--from", "none", "--hear", "voice"], "cannot read the calls"),
        (["--out", "x", "--json", "none/x.json"], "make the folder"),
        (["--play", "ftp://x", "--key", "k"], "http://127.0.0.1:8765"),
    ],
)
def test_wrong_usage(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    came = simulate(*arguments)
    assert came.exit_code == 2
    assert told in came.stderr


def test_texts_of_ones_own_need_the_program_or_a_corpus(
    tmp_path: Path, voices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = tmp_path / "mine.csv"
    texts.write_text("text,gravity\nThe barn is burning.,High\nMy cat is gone.,Low\n", "utf-8")
    arguments = ["--texts", texts, "--calls", 4, "--base-rate", 0]
    monkeypatch.setenv("PATH", "")
    without = simulate("--out", tmp_path / "a", *arguments)
    assert without.exit_code == 2
    assert "apt install espeak-ng" in without.stderr
    with_corpus = simulate(
        "--out", tmp_path / "b", *arguments, "--corpus", f"mine:folders={voices}"
    )
    assert with_corpus.exit_code == 0, with_corpus.output
    assert {str(call["text"]) for call in labels(tmp_path / "b")} <= {
        "The barn is burning.",
        "My cat is gone.",
    }
