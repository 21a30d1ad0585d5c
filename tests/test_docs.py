"""The documentation is complete and true: walks what the code has and looks for it in the docs."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
import soundfile
import typer.main
from typer.core import TyperCommand, TyperGroup, TyperOption

from tonewatch.audio.features import FeatureSettings
from tonewatch.audio.inputs import KINDS
from tonewatch.audio.vad import VadSettings
from tonewatch.cli.main import app
from tonewatch.cli.train_settings import Network
from tonewatch.core import errors
from tonewatch.core.events import Event
from tonewatch.core.labels import SCHEMES
from tonewatch.corpora.files import AUDIO_SUFFIXES
from tonewatch.corpora.readers import READERS
from tonewatch.inference.bundle import BundleInfo
from tonewatch.inference.calibration import Calibration

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "LICENSE-WEIGHTS.md", *sorted((ROOT / "docs").rglob("*.md"))]
SAMPLE = ROOT / "samples" / "sample_call.ogg"


def reference(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands under a second-level heading, empty if there is none."""
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def error_classes(root: type[errors.TonewatchError]) -> Iterator[type[errors.TonewatchError]]:
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)


def commands() -> list[tuple[str, TyperCommand]]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return [
        (name, command)
        for name, command in group.commands.items()
        if isinstance(command, TyperCommand) and not command.hidden
    ]


def python_blocks() -> list[tuple[str, str]]:
    blocks = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for number, block in enumerate(re.findall(r"^ *```python\n(.*?)```", text, re.M | re.S)):
            blocks.append((f"{page.relative_to(ROOT)}:{number}", block))
    return blocks


@pytest.mark.parametrize("error", list(error_classes(errors.TonewatchError)))
def test_every_error_is_documented(error: type[errors.TonewatchError]) -> None:
    assert f"| `{error.kind}` | `{error.__name__}` |" in reference("errors.md")


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_is_documented_with_its_labels_in_order(name: str) -> None:
    documented = section(reference("schemes.md"), name)
    assert tuple(re.findall(r"`(\w+)`", documented.strip().split("\n\n")[-1])) == (
        SCHEMES[name].labels
    )


@pytest.mark.parametrize("name", READERS)
def test_every_corpus_reader_is_documented(name: str) -> None:
    assert f"| `{name}` |" in reference("corpora.md")


def test_every_ending_of_audio_is_documented() -> None:
    text = section(reference("cli.md"), "tonewatch analyze")
    assert {suffix[1:] for suffix in AUDIO_SUFFIXES} <= set(re.findall(r"\w+", text))


@pytest.mark.parametrize("event", get_args(Event))
def test_every_event_is_documented_with_its_fields(event: type[Any]) -> None:
    rows = re.split(r"^\| (?=`)", reference("events.md"), flags=re.MULTILINE)
    (row,) = (row for row in rows if row.startswith(f"`{event.__name__}`"))
    assert {f"`{field.name}`" for field in fields(event)} <= set(re.findall(r"`\w+`", row))


@pytest.mark.parametrize(
    ("title", "settings"),
    [
        ("bundle.json", BundleInfo),
        ("features", FeatureSettings),
        ("calibration", Calibration),
        ("speech", VadSettings),
    ],
)
def test_every_setting_of_a_bundle_is_documented(title: str, settings: type[Any]) -> None:
    rows = re.findall(r"^\| (`.*?) \|", section(reference("bundle.md"), title), re.MULTILINE)
    documented = set(re.findall(r"\w+", " ".join(rows))) - {"format_version"}
    assert documented == {field.name for field in fields(settings)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_input_is_documented_with_its_keys(kind: str) -> None:
    rows = re.findall(rf"^\| `{kind}` \|(.*?)\|", section(reference("bundle.md"), "input"), re.M)
    documented = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert len(rows) == 1
    assert documented == {field.name for field in fields(KINDS[kind])} - {"kind"}


@pytest.mark.parametrize("name", list(Network))
def test_every_network_is_documented(name: Network) -> None:
    assert f"| `{name.value}` |" in reference("networks.md")
    assert f"`{name.value}`" in section(reference("cli.md"), "tonewatch train")


def test_every_command_is_documented() -> None:
    documented = set(re.findall(r"^## tonewatch (\w+)$", reference("cli.md"), re.MULTILINE))
    assert documented == {name for name, _ in commands()}


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_option_is_documented_and_every_documented_option_exists(
    name: str, command: TyperCommand
) -> None:
    options = {
        option
        for parameter in command.params
        if isinstance(parameter, TyperOption)
        for option in parameter.opts
        if option.startswith("--") and option != "--help"
    }
    text = section(reference("cli.md"), f"tonewatch {name}")
    assert set(re.findall(r"^\| `(--[\w-]+)", text, re.MULTILINE)) == options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    broken = [
        link for link in links if "://" not in link and not (page.parent / link).resolve().exists()
    ]
    assert not broken


def test_json_in_the_readme_is_json() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert set(json.loads(block)) == {"bundle", "files"}


@pytest.mark.parametrize(("where", "block"), python_blocks(), ids=lambda value: value[:40])
def test_examples_run(where: str, block: str, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(SAMPLE, dtype="float32")
    soundfile.write(tmp_path / "call.wav", samples, rate_hz)
    indent = re.match(r" *", block)
    assert indent
    code = re.sub(rf"^{indent[0]}", "", block, flags=re.MULTILINE)
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        exec(compile(code, where, "exec"), {})
    finally:
        os.chdir(before)


def test_sample_call_is_small_speech() -> None:
    info = soundfile.info(SAMPLE)
    assert 20 <= info.duration <= 40
    assert info.channels == 1
    assert SAMPLE.stat().st_size < 150_000
