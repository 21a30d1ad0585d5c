"""An experimental bundle says so wherever its answers are shown."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tonewatch.cli.main import app
from tonewatch.core.errors import BundleError
from tonewatch.inference.bundle import load_bundle, write_bundle
from tonewatch.inference.protocol import protocol_of

SAMPLE = Path(__file__).parents[2] / "samples" / "sample_call.ogg"


def test_analyze_says_so_in_every_output(tmp_path: Path) -> None:
    page, picture, numbers = (tmp_path / name for name in ("a.html", "a.png", "a.json"))
    outputs = ["--html", str(page), "--plot", str(picture), "--json", str(numbers)]
    came = CliRunner().invoke(app, ["analyze", str(SAMPLE), "--bundle", "caller-state", *outputs])
    assert came.exit_code == 0, came.output
    assert "EXPERIMENTAL" in came.stderr
    assert "Experimental." in page.read_text("utf-8")
    content = json.loads(numbers.read_text("utf-8"))
    assert content["bundle"]["experimental"] is True
    windows = content["files"][0]["timeline"]
    assert windows and not any(window["certain"] for window in windows)
    assert picture.stat().st_size > 1000


def test_other_bundles_do_not(tmp_path: Path, tiny_bundle: Path) -> None:
    page = tmp_path / "a.html"
    came = CliRunner().invoke(
        app, ["analyze", str(SAMPLE), "--bundle", str(tiny_bundle), "--html", str(page)]
    )
    assert came.exit_code == 0, came.output
    assert "EXPERIMENTAL" not in came.output + came.stderr
    assert "Experimental." not in page.read_text("utf-8")
    assert "experimental" not in json.loads((tiny_bundle / "bundle.json").read_text("utf-8"))


def test_a_score_of_it_says_so() -> None:
    words = {"left_out": {}, "n_failed": 0, "n_silent": 0}
    told = protocol_of(load_bundle("caller-state"), [], {}, None, **words)  # type: ignore[arg-type]
    assert told.startswith("WARNING: this bundle is EXPERIMENTAL.")


def test_the_list_of_bundles_says_so() -> None:
    came = CliRunner().invoke(app, ["bundles"], env={"COLUMNS": "200"})
    (line,) = (line for line in came.output.splitlines() if "caller-state" in line)
    assert "experimental" in line


def test_the_mark_must_be_true_or_false(tmp_path: Path) -> None:
    write_bundle(load_bundle("caller-state"), tmp_path)
    info = tmp_path / "bundle.json"
    info.write_text(info.read_text("utf-8").replace('"experimental": true', '"experimental": "no"'))
    with pytest.raises(BundleError, match="expected true or false"):
        load_bundle(tmp_path)
