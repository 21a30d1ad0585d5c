"""`tonewatch analyze --explain`."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from tonewatch.cli.main import app


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    noise = 0.2 * np.random.default_rng(0).standard_normal(16_000 * 4)
    soundfile.write(folder / "noise.wav", noise, 16_000)
    soundfile.write(folder / "silence.wav", np.zeros(16_000 * 4), 16_000)
    return folder


def analyze(*arguments: object) -> int:
    result = CliRunner().invoke(app, ["analyze", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code


def test_the_page_and_a_picture_beside_the_plot(
    recordings: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    page, plot = tmp_path / "page.html", tmp_path / "call.png"
    line = [recordings, "--bundle", tiny_bundle, "--html", page, "--plot", plot]
    assert analyze(*line, "--explain") == 0
    text = page.read_text("utf-8")
    assert text.count("what the surest window rests on") == 1, "silence has no reasons"
    (words, picture) = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', text)[
        0
    ][::-1]
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert re.match(r"\w+, 0:0\d\.\d to 0:0\d\.\d: the cell that speaks for it most is", words)
    assert (tmp_path / "call.explained.png").read_bytes().startswith(b"\x89PNG")
    assert analyze(*line) == 0
    assert "rests on" not in page.read_text("utf-8")


def test_what_is_too_short_to_be_explained_stops_nothing(
    recordings: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    short, page = tmp_path / "short.wav", tmp_path / "page.html"
    soundfile.write(short, 0.2 * np.random.default_rng(1).standard_normal(4500), 16_000)
    line = [short, recordings / "noise.wav", "--bundle", tiny_bundle, "--html", page]
    assert analyze(*line, "--explain") == 0
    assert page.read_text("utf-8").count("what the surest window rests on") == 1


def test_nothing_to_draw_on_or_another_window_is_wrong_usage(
    recordings: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    line = [recordings, "--bundle", tiny_bundle, "--explain"]
    assert analyze(*line) == 2
    assert analyze(*line, "--html", tmp_path / "page.html", "--window", "2") == 2
