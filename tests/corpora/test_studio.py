"""Prompts, consent, and the folder that keeps takes of those who gave it."""

import errno
import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tonewatch.core.errors import ConflictError, CorpusError, NotFoundError, SettingsError
from tonewatch.corpora import recorded
from tonewatch.corpora.collection import Collection
from tonewatch.corpora.quality import Measured
from tonewatch.corpora.recorded import MANIFEST, write_manifest
from tonewatch.corpora.studio import (
    SENTENCES,
    Consent,
    Item,
    Prompts,
    Speaker,
    items,
    next_number,
    read_prompts,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AGREED = Consent("I agree.", NOW)
MEASURED = Measured(3.0, 2.0, -20.04, -6.0, 30.0, 0.0)
FIRST = Item("angry", 1, SENTENCES[0])


def full_disk(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A few bytes of files of this name get written, then the disk is full."""
    opened = io.open

    class Full(io.FileIO):
        def write(self, content: object) -> int:
            super().write(memoryview(content)[:5])  # type: ignore[arg-type]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_(file: Path, mode: str = "r", *rest: object, **more: object) -> object:
        if name not in str(file) or mode[0] not in "wx":
            return opened(file, mode, *rest, **more)  # type: ignore[call-overload]
        buffer = io.BufferedWriter(Full(file, mode.replace("b", "")))
        return buffer if "b" in mode else io.TextIOWrapper(buffer, "utf-8")

    monkeypatch.setattr(io, "open", open_)


def test_each_sentence_is_asked_for_in_each_state_once() -> None:
    prompts = Prompts()
    todo = list(items(prompts))
    assert len(todo) == len(set(todo)) == 16
    assert todo[:2] == [FIRST, Item("angry", 2, SENTENCES[1])]
    assert list(items(prompts, [("angry", SENTENCES[0])])) == todo[1:]


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'sentences = ["Help!", "Come soon."]\nstates = ["Anger", "neutral"]\nlanguage = "en"\n'
        'consent = "Yes."\n'
    )
    assert read_prompts(path) == Prompts(
        ("Help!", "Come soon."), ("angry", "neutral"), "en", "Yes."
    )
    text = tmp_path / "mine.txt"
    text.write_text("# ours\nHelp!\n\n  Come soon.\n")
    assert read_prompts(text).sentences == ("Help!", "Come soon.")
    assert read_prompts(text).states == Prompts().states


@pytest.mark.parametrize(
    "content",
    ["", "sentences = []", 'sentences = "a"', 'sentences = ["a\\nb"]', "sentences = [1]",
     'sentences = ["a"]\nstates = ["wistful"]', 'sentences = ["a"]\nstates = ["sad", "sad"]',
     'sentences = ["a"]\nconsent = ""', 'sentences = ["a"]\nlanguage = 1',
     'sentences = ["a"]\nsentence = "b"', "sentences = ["],
)  # fmt: skip
def test_a_wrong_list_says_what_is_wrong(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match="expected"):
        read_prompts(path)


def test_consent_needs_its_text_and_its_time() -> None:
    for text, at in ((" ", NOW), ("Yes.", NOW.replace(tzinfo=None))):
        with pytest.raises(CorpusError, match="consent"):
            Consent(text, at)


@pytest.mark.parametrize("change", [{"number": "7"}, {"sex": "tenor"}, {"age": "x" * 30}])
def test_details_of_a_speaker_are_checked(change: dict[str, str]) -> None:
    with pytest.raises(CorpusError, match="expected"):
        replace(Speaker("07", AGREED), **change)  # type: ignore[arg-type]


def test_numbers_are_the_lowest_free_ones() -> None:
    assert next_number([]) == "01"
    assert next_number(["01", "03"]) == "02"
    assert next_number([f"{n:02}" for n in range(1, 100)]) == "100"


def test_without_consent_nothing_is_kept(tmp_path: Path) -> None:
    root = tmp_path / "takes"
    collection = Collection(root)
    with pytest.raises(NotFoundError, match="consent"):
        collection.keep("01", FIRST, b"RIFF", MEASURED)
    assert not root.exists()


def test_what_is_kept(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "takes")
    who = collection.admit(AGREED, {"sex": "female", "language": "en", "age": "30-39"})
    first = collection.keep("01", FIRST, b"RIFF", MEASURED)
    second = collection.keep("01", FIRST, b"RIFX", MEASURED)
    assert [row.path for row in (first, second)] == ["01_01_01_01_01.wav", "01_01_01_01_01-2.wav"]
    assert (second.take, second.level_dbfs, second.consent) == (2, -20.0, NOW.isoformat())
    assert list(collection.takes()) == [first, second]
    assert collection.take("01_01_01_01_01-2") == second
    assert (collection.root / first.path).read_bytes() == b"RIFF"
    assert Collection(collection.root).speakers() == (who,)
    kept = json.loads((collection.root / "speakers" / "01.json").read_text("utf-8"))
    assert kept["consent"] == {"text": "I agree.", "given_at": NOW.isoformat()}
    assert len(recorded.read(collection.root)) == 2
    with pytest.raises(ConflictError):
        collection.admit(AGREED, number="01")


def test_another_list_of_sentences_overwrites_no_take(tmp_path: Path) -> None:
    collection = Collection(tmp_path)
    collection.admit(AGREED)
    first = collection.keep("01", FIRST, b"RIFF", MEASURED)
    other = collection.keep("01", Item("angry", 1, "Another one."), b"RIFX", MEASURED)
    assert first.path != other.path
    assert (tmp_path / first.path).read_bytes() == b"RIFF"


def test_a_take_is_deleted_and_a_speaker_forgotten(tmp_path: Path) -> None:
    collection = Collection(tmp_path)
    for _ in range(2):
        who = collection.admit(AGREED)
        for number in (1, 2):
            collection.keep(who.number, Item("sad", number, str(number)), b"RIFF", MEASURED)
    stem = Path(collection.takes()[0].path).stem
    collection.delete(stem)
    assert len(collection.takes()) == 3
    assert not (tmp_path / f"{stem}.wav").exists()
    with pytest.raises(NotFoundError):
        collection.delete(stem)
    assert collection.forget("02") == 2
    assert [speaker.number for speaker in collection.speakers()] == ["01"]
    assert {path.name for path in tmp_path.glob("*.wav")} == {
        row.path for row in collection.takes()
    }
    with pytest.raises(NotFoundError, match="came '02'; there are 01"):
        collection.forget("02")
    assert collection.admit(AGREED).number == "03", "another voice never gets the number"
    with pytest.raises(ConflictError, match="forgotten"):
        collection.admit(AGREED, number="02")


@pytest.mark.parametrize("full", ["01_01_00_01_01-2.wav", MANIFEST])
def test_no_voice_stays_without_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    collection = Collection(tmp_path)
    collection.admit(AGREED)
    first = collection.keep("01", FIRST, b"RIFF first", MEASURED)
    with monkeypatch.context() as patched:
        full_disk(patched, full)
        with pytest.raises(CorpusError, match="No space left"):
            collection.keep("01", FIRST, b"RIFF second", MEASURED)
    assert list(collection.takes()) == [first]
    assert [path.name for path in tmp_path.glob("*.wav")] == [first.path]


def test_takes_of_the_forgotten_that_are_not_listed_go_too(tmp_path: Path) -> None:
    collection = Collection(tmp_path)
    collection.admit(AGREED)
    collection.admit(AGREED)
    theirs = collection.keep("01", FIRST, b"RIFF", MEASURED)
    other = collection.keep("02", FIRST, b"RIFF", MEASURED)
    for left in ("04_01_00_01_01.wav", "04_01_00_01_02.wav", "01.wav"):
        (tmp_path / left).touch()
    # By the list it is a take of 02, whatever its name says.
    (tmp_path / theirs.path).rename(tmp_path / "03_01_00_01_01.wav")
    listed = replace(other, path="03_01_00_01_01.wav")
    write_manifest(tmp_path / MANIFEST, [theirs, other, listed])
    assert collection.forget("01") == 2
    assert {path.name for path in tmp_path.glob("*.wav")} == {
        other.path, listed.path, "04_01_00_01_02.wav", "01.wav",
    }  # fmt: skip
    assert list(collection.takes()) == [other, listed]


def test_a_list_changed_by_hand_deletes_nothing_outside(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "takes")
    collection.admit(AGREED)
    row = collection.keep("01", FIRST, b"RIFF", MEASURED)
    outside = tmp_path / "outside.wav"
    outside.touch()
    write_manifest(collection.root / MANIFEST, [replace(row, path="../outside.wav")])
    collection.forget("01")
    assert outside.exists()


def test_consent_is_kept_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = Collection(tmp_path)
    collection.admit(AGREED)
    with monkeypatch.context() as patched:
        full_disk(patched, "02.json")
        with pytest.raises(CorpusError, match="No space left"):
            collection.admit(AGREED)
    assert [path.name for path in (tmp_path / "speakers").iterdir()] == ["01.json"]
    assert [speaker.number for speaker in collection.speakers()] == ["01"]
    assert collection.admit(AGREED).number == "02"


@pytest.mark.parametrize("left", ["01.json", "01.json.new"])
def test_two_programs_never_give_one_number_to_two_speakers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    collection, takes = Collection(tmp_path), Collection.takes

    def meanwhile(self: Collection) -> object:  # after it was seen who agreed already
        (tmp_path / "speakers").mkdir()
        (tmp_path / "speakers" / left).write_text("of another program")
        return takes(self)

    with monkeypatch.context() as patched:
        patched.setattr(Collection, "takes", meanwhile)
        with pytest.raises(CorpusError, match="File exists"):
            collection.admit(AGREED)
    assert (tmp_path / "speakers" / left).read_text() == "of another program"
    assert [path.name for path in (tmp_path / "speakers").iterdir()] == [left]
    assert collection.admit(AGREED).number == "02"


def test_consent_that_cannot_be_read_is_no_consent(tmp_path: Path) -> None:
    collection = Collection(tmp_path)
    collection.admit(AGREED)
    (tmp_path / "speakers" / "01.json").write_text('{"number": "01", "consent": {}}')
    with pytest.raises(CorpusError, match="consent"):
        collection.keep("01", FIRST, b"RIFF", MEASURED)
