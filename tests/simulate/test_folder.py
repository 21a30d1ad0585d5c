import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from simulate.test_render import rendered
from tonewatch.core.errors import SettingsError
from tonewatch.simulate.folder import open_call, read, to_dict, write
from tonewatch.simulate.render import Sides, Simulated


def two_calls() -> list[Simulated]:
    first = rendered(Sides.BOTH)
    second = rendered(Sides.CALLER)
    return [first, replace(second, labels=replace(second.labels, id="call-0002", at_s=1.0))]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    calls, told = two_calls(), []
    write(tmp_path / "calls", calls, {"seed": 1}, lambda: told.append(1))
    assert len(told) == 2
    labels = read(tmp_path / "calls")
    assert [each.id for each in labels] == ["call-0002", "call-0001"]  # as they begin
    assert {each.id: each for each in labels} == {each.labels.id: each.labels for each in calls}
    again = open_call(tmp_path / "calls", calls[0].labels)
    np.testing.assert_allclose(again.samples, calls[0].samples, atol=2**-15)
    info = soundfile.info(tmp_path / "calls" / "call-0001.flac")
    assert (info.channels, info.samplerate) == (2, 16_000)


def test_people_and_programs_can_read_it(tmp_path: Path) -> None:
    write(tmp_path, two_calls(), {"seed": 1})
    content = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    assert content["made_with"] == {"seed": 1}
    assert content["calls"][0]["gravity"] == "High"
    assert content["calls"][0]["to_check"] is False
    assert (tmp_path / content["calls"][0]["file"]).is_file()
    with (tmp_path / "calls.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["roles"] for row in rows] == ["caller call_taker", "caller"]
    assert rows[1]["heard"].startswith("neutral 0.0-1.0; fearful 1.5-3.5; laughter")
    assert rows[1]["number"] == "1"


def test_calls_are_not_mixed_with_others(tmp_path: Path) -> None:
    write(tmp_path, two_calls(), {})
    with pytest.raises(SettingsError, match="--from"):
        write(tmp_path, two_calls(), {})


def test_nor_with_those_of_a_run_that_was_stopped(tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, two_calls(), {}, stop)
    with pytest.raises(SettingsError, match="delete them"):
        write(tmp_path, two_calls(), {})
    assert [path.name for path in tmp_path.iterdir()] == ["call-0001.flac"]


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2, "calls": []}', '{"format": 1}'])
def test_what_is_no_folder_of_calls_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(SettingsError, match="cannot read the calls"):
        read(tmp_path)


def test_missing_and_changed_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read the calls"):
        read(tmp_path)
    calls = two_calls()
    write(tmp_path, calls, {})
    (tmp_path / "call-0002.flac").unlink()
    with pytest.raises(SettingsError, match="cannot read the call "):
        open_call(tmp_path, calls[1].labels)
    soundfile.write(tmp_path / "call-0001.flac", np.zeros(99), 8_000)
    with pytest.raises(SettingsError, match="2 channels at 16000 Hz"):
        open_call(tmp_path, calls[0].labels)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot write"):
        write(tmp_path / "file" / "calls", two_calls(), {})


def test_labels_are_json() -> None:
    labels = two_calls()[0].labels
    assert json.loads(json.dumps(to_dict(labels)))["spans"][0]["emotion"] == "neutral"
