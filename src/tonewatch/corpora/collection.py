"""A folder in which a corpus is recorded: speakers with their consent, takes, and the list of them.

    DIR/manifest.csv           a row a take (`recorded`)
    DIR/speakers/07.json       who agreed to what, and when; without it no take of 07 is kept
    DIR/speakers/08.gone       08 was forgotten; nobody else gets the number
    DIR/01_02_01_01_07.wav     a take

It keeps bytes and knows no samples. One process at a time writes a folder; within it, threads may.
"""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from tonewatch.core.errors import ConflictError, CorpusError, NotFoundError
from tonewatch.corpora.quality import Measured
from tonewatch.corpora.recorded import (
    MANIFEST,
    Name,
    Row,
    parse_name,
    read_manifest,
    write_manifest,
    write_whole,
)
from tonewatch.corpora.studio import Consent, Item, Speaker, next_number

_SPEAKERS = "speakers"
_WAV = ".wav"


# One for all folders: takes are rare.
_LOCK = threading.Lock()


class Collection:
    """The takes of one folder, which is made when something is first kept."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def speakers(self) -> tuple[Speaker, ...]:
        """All who agreed, by number.

        Raises:
            CorpusError: what is kept of one cannot be read.
        """
        files = sorted((self.root / _SPEAKERS).glob("*.json"))
        return tuple(sorted((_read(path) for path in files), key=lambda s: int(s.number)))

    def speaker(self, number: str) -> Speaker:
        """One who agreed.

        Raises:
            NotFoundError: nobody of that number did.
        """
        found = next((s for s in self.speakers() if s.number == number), None)
        if found is None:
            raise NotFoundError(
                f"expected a speaker who agreed, nobody has the number {number!r}; ask for their "
                "consent first"
            )
        return found

    def admit(
        self, consent: Consent, details: Mapping[str, Any] | None = None, number: str | None = None
    ) -> Speaker:
        """Keep somebody's consent, and give them a number.

        Args:
            consent: what they agreed to.
            details: `sex`, `language` and `age`, as far as they tell.
            number: theirs; None for the next free one.

        Raises:
            ConflictError: the number is another speaker's.
            CorpusError: a detail is not what it should be, or it cannot be written.
        """
        with _LOCK:
            agreed = {path.name.partition(".")[0] for path in (self.root / _SPEAKERS).glob("*.*")}
            if number in agreed:
                raise ConflictError(
                    f"expected a number that nobody has or had, {number} agreed already, or was "
                    "forgotten; leave it out to be given the next"
                )
            taken = agreed | {row.speaker for row in self.takes()}
            speaker = Speaker(number or next_number(taken), consent, **details or {})
            path = self.root / _SPEAKERS / f"{speaker.number}.json"
            content = json.dumps(_plain(speaker), indent=1, ensure_ascii=False) + "\n"
            try:
                write_whole(path, content, new=True)
            except OSError as error:
                raise _cannot_write(path, error) from error
            return speaker

    def takes(self) -> Sequence[Row]:
        """The list as it is; empty before the first take.

        Raises:
            CorpusError: it cannot be read, or a row of it is wrong.
        """
        path = self.root / MANIFEST
        if not os.path.isfile(path):
            return ()
        rows, problems = read_manifest(path)
        if problems:
            raise CorpusError(
                f"{path}: expected a list as it was written, came a row that is wrong: "
                f"{problems[0].reason}; mend it by hand"
            )
        return tuple(rows)

    def take(self, stem: str) -> Row:
        """The take whose file has this name.

        Raises:
            NotFoundError: there is none.
        """
        for row in self.takes():
            if Path(row.path).stem == stem:
                return row
        raise NotFoundError(f"expected a take, there is none called {stem!r}")

    def keep(self, speaker: str, item: Item, wav: bytes, measured: Measured) -> Row:
        """Keep a take of somebody who agreed.

        Args:
            speaker: their number.
            item: what they acted.
            wav: the file, as `audio.encode` makes it.
            measured: what was measured in it.

        Raises:
            NotFoundError: nobody of that number agreed.
            CorpusError: it cannot be written.
        """
        with _LOCK:
            who = self.speaker(speaker)
            rows = self.takes()
            number = 1 + max((row.take for row in rows if _same(row, who, item)), default=0)
            while True:
                name = Name(item.state, item.number, who.sex, "natural", who.number, number)
                path = self.root / (name.stem + _WAV)
                try:
                    file = path.open("xb")
                    break
                except FileExistsError:  # of another list of sentences, or left by a crash
                    number += 1
                except OSError as error:
                    raise _cannot_write(path, error) from error
            row = Row(
                path=path.name,
                label=item.state,
                speaker=who.number,
                sex=who.sex,
                language=who.language,
                sentence=item.sentence,
                source="natural",
                consent=who.consent.given_at.isoformat(timespec="seconds"),
                take=number,
                level_dbfs=round(measured.level_dbfs, 1),
                snr_db=None if measured.snr_db is None else round(measured.snr_db, 1),
                clipping=round(measured.clipping, 6),
            )
            try:
                with file:
                    file.write(wav)
                write_manifest(self.root / MANIFEST, [*rows, row])
            except BaseException as error:  # an interruption too: no voice stays without a row
                with suppress(OSError):  # `error` is what is told
                    path.unlink(missing_ok=True)
                if isinstance(error, OSError):
                    raise _cannot_write(path, error) from error
                raise
            return row

    def delete(self, stem: str) -> Row:
        """Delete a take, its file and its row.

        Raises:
            NotFoundError: there is none.
        """
        with _LOCK:
            gone = self.take(stem)
            self._drop([gone])
            return gone

    def forget(self, number: str) -> int:
        """Delete a speaker with all their takes, as they may ask; gives how many takes there were.

        Takes that bear their number and are in no list, as a crash leaves them, go too.

        Raises:
            NotFoundError: nobody of that number agreed.
        """
        agreed = [speaker.number for speaker in self.speakers()]
        if number not in agreed:
            raise NotFoundError(
                f"expected the number of a speaker who agreed, came {number!r}; there are "
                f"{', '.join(agreed) or 'none'}"
            )
        with _LOCK:
            theirs = [row for row in self.takes() if row.speaker == number]
            self._drop(theirs)
            strays = self._strays(number)
            for path in strays:
                path.unlink(missing_ok=True)
            kept = self.root / _SPEAKERS / f"{number}.json"
            kept.with_suffix(".gone").touch()
            kept.unlink(missing_ok=True)
            return len(theirs) + len(strays)

    def _strays(self, number: str) -> list[Path]:
        """Takes by the name of a speaker that no row lists."""
        listed = {(self.root / row.path).resolve() for row in self.takes()}
        named = ((path, parse_name(path.stem)) for path in sorted(self.root.glob("*" + _WAV)))
        return [
            path
            for path, name in named
            if name is not None and name.speaker == number and path.resolve() not in listed
        ]

    def _drop(self, gone: Sequence[Row]) -> None:
        kept = [row for row in self.takes() if row not in gone]
        # Files first: a row without a file is found again, a voice without a row is not.
        for row in gone:
            if ".." not in Path(row.path).parts and not Path(row.path).is_absolute():
                (self.root / row.path).unlink(missing_ok=True)
        write_manifest(self.root / MANIFEST, kept)


def _same(row: Row, who: Speaker, item: Item) -> bool:
    what = (row.speaker, row.label, row.sentence, row.source)
    return what == (who.number, item.state, item.sentence, "natural")


def _plain(speaker: Speaker) -> dict[str, Any]:
    return {
        "number": speaker.number,
        "sex": speaker.sex,
        "language": speaker.language,
        "age": speaker.age,
        "consent": {
            "text": speaker.consent.text,
            "given_at": speaker.consent.given_at.isoformat(timespec="seconds"),
        },
    }


def _read(path: Path) -> Speaker:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        consent = Consent(
            content["consent"]["text"], datetime.fromisoformat(content["consent"]["given_at"])
        )
        return Speaker(
            content["number"], consent, content["sex"], content["language"], content["age"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(
            f"cannot read the speaker {path}: {error}; expected the consent as it was written"
        ) from error


def _cannot_write(path: Path, error: OSError) -> CorpusError:
    return CorpusError(f"cannot write {path}: {error.strerror}; choose another folder")
