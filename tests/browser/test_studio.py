"""A corpus from the browser, whose fake microphone plays the sample, until it is trained on."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from browser.conftest import Site
from browser.looking import check, photograph
from browser.seeding import seed_takes
from tonewatch.cli.main import app
from tonewatch.cli.rework import Corpus, cleaned, clipped, rework, synthesized
from tonewatch.corpora import CorpusArgument, Table, read_corpus
from tonewatch.corpora.studio import read_prompts
from tonewatch.inference.predictor import Predictor

if TYPE_CHECKING:
    from playwright.sync_api import Page

STATES = ["angry", "sad"]
OTHERS = 3
SPOKEN_MS = 2_500
RECORD = "[data-key=r]"
# Holds on to the microphone, so that it can be muted as a switch at the headset does.
HOLD = """
const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (asked) => (window.microphone = await get(asked));
"""


@pytest.fixture
def studio(site: Site) -> Iterator[Path]:
    """The corpus's folder: a list of prompts of one's own, and three speakers with their takes."""
    folder = site.data / "studio"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    prompts = folder / "prompts.toml"
    prompts.write_text(f'sentences = ["Help is needed."]\nstates = {STATES}\nlanguage = "en"\n')
    seed_takes(site.data, read_prompts(prompts), OTHERS)
    yield folder
    shutil.rmtree(folder)


def test_takes_are_recorded_kept_and_trained_on(page: "Page", studio: Path, tmp_path: Path) -> None:
    page.add_init_script(HOLD)
    _agree(page)
    there = set(studio.glob("*.wav"))
    _record(page, SPOKEN_MS)
    level = "Number(document.querySelector('[role=meter]').getAttribute('aria-valuenow'))"
    page.wait_for_function(f"{level} > 0")
    assert page.locator("audio").evaluate("(audio) => audio.src.startsWith('blob:')")
    page.wait_for_function("document.querySelector('.studio-check audio').duration > 2")
    assert set(studio.glob("*.wav")) == there, "nothing is kept before somebody says so"
    _look(page)
    page.keyboard.press("Alt+Shift+KeyK")
    page.get_by_text("Here is the next one.").wait_for()
    page.get_by_role("rowheader", name="01_01_01_01_04").wait_for()
    assert page.get_by_role("progressbar").get_attribute("aria-label") == "1 of 2 kept"

    _mute(page, True)
    _record(page, 300)
    assert "no_speech" in page.locator(".studio-remarks").inner_text()
    _mute(page, False)
    page.keyboard.press("Alt+Shift+KeyW")
    _stop(page, SPOKEN_MS)
    page.locator("[data-key=k]").click()
    page.get_by_text("That was the last one").wait_for()
    page.locator(".takes tbody tr").nth(2 * OTHERS + 1).wait_for()
    commands = page.get_by_label("Commands to look at the corpus").inner_text()
    assert f"mine:recorded={studio}" in commands

    table = read_corpus("mine:recorded", studio)
    assert table.problems == ()
    assert len(table) == 2 * (OTHERS + 1)
    assert [each.emotion for each in table.utterances if each.speaker == "mine:04"] == STATES
    _train_on(studio, tmp_path)


def _agree(page: "Page") -> None:
    page.goto("/ui/studio")
    begin = page.get_by_role("button", name="Keep the consent and begin")
    begin.wait_for()
    assert begin.is_disabled()
    assert page.locator(RECORD).count() == 0, "nothing is recorded before consent"
    page.get_by_label("The speaker has read this and agrees.").check()
    page.get_by_label("Sex, if they tell").select_option("female")
    begin.click()
    page.locator(RECORD).wait_for()
    assert "Speaker 04" in page.locator(".studio-head").inner_text()


def _record(page: "Page", spoken_ms: int) -> None:
    page.keyboard.press("Alt+Shift+KeyR")
    _stop(page, spoken_ms)


def _stop(page: "Page", spoken_ms: int) -> None:
    page.get_by_text("Recording: speak now").wait_for()
    page.wait_for_timeout(spoken_ms)
    page.locator(RECORD).click()
    page.get_by_role("group", name="Check of this take").wait_for()


def _mute(page: "Page", muted: bool) -> None:
    page.evaluate("(on) => (window.microphone.getTracks()[0].enabled = on)", not muted)


def _look(page: "Page") -> None:
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.set_viewport_size({"width": 1440, "height": 900})
        check(page)
        for width, height in ((390, 844), (1440, 900)):
            page.set_viewport_size({"width": width, "height": height})
            photograph(page, "studio-take", theme, width)


def _train_on(recorded: Path, folder: Path) -> None:
    pytest.importorskip("torch", reason="needs torch (the extra `train`)")
    from tonewatch.training.material import gather
    from tonewatch.training.run import run
    from training.small_run import SETTINGS

    predictor, at = Predictor.load("voice"), recorded
    for name, work in (
        ("cleaned", cleaned(18.0)), ("clips", clipped(1.3)), ("more", synthesized(2, 2.0)),
    ):  # fmt: skip
        corpus = Corpus.open(CorpusArgument("mine", "recorded", at))
        at = folder / name
        done = rework(corpus, at, work, predictor, dry_run=False, on_file=lambda: None)
        assert done.failures == ()
    scheme = folder / "two.toml"
    scheme.write_text(f"labels = {STATES}\n")
    settings = replace(SETTINGS, scheme=str(scheme), train=replace(SETTINGS.train, epochs=3))
    table = read_corpus("mine:recorded", at)
    assert len(table) == 3 * 2 * (OTHERS + 1)
    material = gather(table, Table(()), Table(()), settings, folder / "frames")
    run(material, settings, folder / "run")

    bundle = str(folder / "run" / "bundle")
    scores = _call("evaluate", "--bundle", bundle, "--corpus", f"mine:recorded={folder / 'clips'}")
    assert scores["n"] == 2 * (OTHERS + 1)
    assert "mine:04" in scores["protocol"].partition("WARNING")[2]
    heard = _call("analyze", "--bundle", bundle, str(recorded / "01_01_01_01_04.wav"))
    (file,) = heard["files"]
    assert file["emotion"]["label"] in STATES
    assert set(file["timeline"][0]["probabilities"]) == set(STATES)


def _call(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json", "-"], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_take_is_heard_and_deleted_and_a_speaker_forgotten(page: "Page", studio: Path) -> None:
    page.goto("/ui/studio")
    page.get_by_role("button", name="Listen to 01_01_01_01_01").click()
    page.wait_for_function("document.querySelector('.player audio').currentTime > 0.2")
    page.get_by_role("button", name="Delete 01_01_01_01_01").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("rowheader", name="01_01_01_01_01").wait_for(state="detached")
    assert not (studio / "01_01_01_01_01.wav").exists()

    page.get_by_label("Somebody who agreed already").select_option("02")
    page.get_by_role("button", name="Go on").click()
    page.locator(RECORD).wait_for()
    page.get_by_role("button", name="Forget speaker 02").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    page.get_by_role("heading", name="Who speaks?").wait_for()
    assert not list(studio.glob("*_02.wav"))
    assert (studio / "speakers" / "02.gone").exists()
    page.goto("/ui/administration?part=audit")
    page.get_by_role("cell", name="studio.forgotten").first.wait_for()
    page.get_by_role("cell", name="studio.deleted").first.wait_for()
