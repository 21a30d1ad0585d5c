from pathlib import Path

from typer.testing import CliRunner

from tiny_bundle import make_bundle
from tonewatch import __version__
from tonewatch.cli.main import app
from tonewatch.inference.bundle import installed_bundles, load_bundle

runner = CliRunner()


def test_list_names_every_installed_bundle() -> None:
    result = runner.invoke(app, ["bundles"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert all(name in result.stdout for name in installed_bundles())


def test_one_bundle_shows_its_card(tiny_bundle: Path) -> None:
    result = runner.invoke(app, ["bundles", str(tiny_bundle)], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "Random weights & no use." in result.stdout
    assert load_bundle(tiny_bundle).sha256[:12] in result.stdout
    assert "CC0-1.0" in result.stdout


def test_a_name_in_brackets_is_told_to_the_letter(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "own", name="[/x]", licence="[ask]")
    result = runner.invoke(app, ["bundles", str(bundle)], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "[/x]" in result.stdout and "[ask]" in result.stdout


def test_unknown_bundle_is_wrong_usage() -> None:
    result = runner.invoke(app, ["bundles", "none"])
    assert result.exit_code == 2
    assert "expected a bundle" in result.stderr


def test_version() -> None:
    assert runner.invoke(app, ["--version"]).stdout.strip() == f"tonewatch {__version__}"
