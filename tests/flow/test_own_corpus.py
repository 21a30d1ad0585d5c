"""From takes before a microphone to a bundle that hears new ones, by the commands people use."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from audio.recordings import write
from tonewatch.cli.main import app
from tonewatch.corpora import read_corpus
from tonewatch.corpora.recorded import is_copy
from voices import voice

SPEAKERS = 4
STATES = ("angry", "sad")


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each speaker says two sentences in each state, with a hiss and pauses around them."""
    folder = tmp_path_factory.mktemp("own")
    prompts = folder / "prompts.toml"
    prompts.write_text(f'sentences = ["One.", "Two."]\nstates = {list(STATES)}\nlanguage = "en"\n')
    for speaker in range(SPEAKERS):
        sources = []
        for state in STATES:
            for take in range(2):
                spoken = np.pad(voice(state, speaker, take), 8_000)
                hiss = 1e-3 * np.random.default_rng(take).standard_normal(spoken.size)
                path = folder / f"{speaker}-{state}-{take}.wav"
                write(path, (spoken + hiss).astype(np.float32), 16_000)
                sources += ["--source", str(path)]
        call(
            "record", "--out", str(folder / "takes"), "--consent", "--prompts", str(prompts),
            "--sex", "female" if speaker % 2 else "male", *sources,
        )  # fmt: skip
    return folder / "takes"


@pytest.fixture(scope="module")
def ready(recorded: Path) -> Path:
    """The takes, made ready step by step."""
    at = recorded
    for action, *more in (
        ["clean"], ["trim"], ["clip", "--seconds", "1.3"], ["synthesize", "--copies", "2"],
    ):  # fmt: skip
        beside = recorded.with_name(action)
        call("corpus", action, str(at), "--out", str(beside), *more)
        at = beside
    return at


@pytest.fixture(scope="module")
def run(ready: Path) -> Path:
    pytest.importorskip("torch", reason="needs torch (the extra `train`)")
    from tonewatch.corpora import Table
    from tonewatch.training.material import gather
    from tonewatch.training.run import run
    from training.small_run import SETTINGS

    two = ready.with_name("two.toml")
    two.write_text(f"labels = {list(STATES)}\n")
    settings = replace(SETTINGS, scheme=str(two), train=replace(SETTINGS.train, epochs=7))
    table = read_corpus("mine:recorded", ready)
    out = ready.with_name("run")
    run(gather(table, Table(()), Table(()), settings, ready.with_name("frames")), settings, out)
    return out


def test_takes_are_a_corpus(recorded: Path) -> None:
    table = read_corpus("mine:recorded", recorded)
    assert len(table) == SPEAKERS * len(STATES) * 2
    assert len(table.by_speaker()) == SPEAKERS
    assert table.problems == ()
    assert all(utterance.extra["consent"] for utterance in table.utterances)


def test_what_was_made_ready_is_short_and_has_copies(recorded: Path, ready: Path) -> None:
    content = json.loads(call("corpora", f"mine:recorded={ready}", "--json", "-").stdout)
    counts = content["corpora"]["mine"]
    assert counts["n"] == 3 * SPEAKERS * len(STATES) * 2
    assert counts["longest_s"] == 1.3
    assert counts["by_speaker"] == {f"mine:0{number}": 12 for number in range(1, SPEAKERS + 1)}
    assert sum(map(is_copy, read_corpus("recorded", ready).utterances)) == 32
    snr = {
        name: np.median([float(u.extra["snr_db"]) for u in read_corpus("recorded", at).utterances])
        for name, at in (("recorded", recorded), ("clean", ready.with_name("clean")))
    }
    assert snr["clean"] > snr["recorded"] + 6


def test_copies_are_trained_on_and_not_tested_on(run: Path) -> None:
    clean = json.loads((run / "report.json").read_text("utf-8"))["conditions"]["mine, clean"][
        "pooled"
    ]
    assert clean["n"] == SPEAKERS * len(STATES) * 2


def test_the_bundle_scores_and_hears(run: Path, ready: Path, tmp_path: Path) -> None:
    bundle = str(run / "bundle")
    corpus = f"mine:recorded={ready.with_name('clip')}"
    scores = json.loads(
        call("evaluate", "--bundle", bundle, "--corpus", corpus, "--json", "-").stdout
    )
    assert scores["n"] == 16
    assert scores["uar"] > 0.9
    assert "mine:01" in scores["protocol"].partition("WARNING")[2]
    for state in STATES:  # somebody new, whose recordings go the same way
        (tmp_path / "new" / state).mkdir(parents=True)
        write(tmp_path / "new" / state / f"{state}.wav", voice(state, 4, 5), 16_000)
    clips = tmp_path / "clips"
    call("corpus", "clip", f"new:folders={tmp_path}/new", "--out", str(clips), "--seconds", "1.3")
    heard = json.loads(call("analyze", "--bundle", bundle, str(clips), "--json", "-").stdout)
    assert [file["emotion"]["label"] for file in heard["files"]] == list(STATES)


def test_a_run_tells_which_takes_it_heard_otherwise(run: Path, ready: Path) -> None:
    found = json.loads(
        call("corpus", "outliers", str(ready), "--run", str(run), "--json", "-").stdout
    )
    assert found["asked"] == 16
    answers = [each for each in found["outliers"] if each["word"] == "disagrees"]
    report = json.loads((run / "report.json").read_text("utf-8"))
    wrong = 16 * (1 - report["conditions"]["mine, clean"]["pooled"]["wa"])
    assert len(answers) == round(wrong)
