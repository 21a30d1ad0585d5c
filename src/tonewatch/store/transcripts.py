"""What was said in calls: utterances as a recogniser wrote them down, and phrases it spotted.

Keeping either twice changes nothing, as happens when a spool is replayed. It recognises nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select

from tonewatch.core.events import Word
from tonewatch.store.call_rows import find_call, lock_unerased
from tonewatch.store.database import Database
from tonewatch.store.tables import SpottedRow, TranscriptRow
from tonewatch.store.upsert import insert_new


class Transcribed(StrEnum):
    """How much of a call's speech was written down."""

    NOTHING = "not_transcribed"
    PARTLY = "partly"
    ALL = "transcribed"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said on a channel from `start_s` to `end_s`.

    Attributes:
        channel: of the call.
        start_s: where it begins.
        end_s: where it ends.
        words: in order, with their times.
        recognised: False where no recogniser was free for this speech; then no word is known.
    """

    channel: int
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()
    recognised: bool = True

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Spotted:
    """A phrase that was spotted on a channel, whatever was written down of that speech.

    Attributes:
        channel: of the call.
        start_s: where it begins.
        end_s: where it ends.
        phrase: as the vocabulary has it.
    """

    channel: int
    start_s: float
    end_s: float
    phrase: str


class Transcripts:
    """The transcripts in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, call_id: str, utterances: Iterable[Utterance]) -> None:
        """Keep what was said; the first that comes of a channel and time stays.

        Raises:
            ConflictError: the call was erased.
            NotFoundError: there is no such call.
        """
        rows = [_as_row(call_id, each) for each in utterances]
        with self._db.begin() as session:
            lock_unerased(session, call_id)
            insert_new(session, TranscriptRow, rows)

    def of(self, call_id: str) -> tuple[Utterance, ...]:
        """All that was said in a call, in order of time and channel.

        Raises:
            NotFoundError: there is no such call.
        """
        query = (
            select(TranscriptRow)
            .where(TranscriptRow.call_id == call_id)
            .order_by(TranscriptRow.start_s, TranscriptRow.channel)
        )
        with self._db.read() as session:
            find_call(session, call_id)
            return tuple(_utterance(row) for row in session.scalars(query))

    def add_spotted(self, call_id: str, phrases: Iterable[Spotted]) -> None:
        """Keep phrases that were spotted; errors as `add`."""
        rows = [{"call_id": call_id, **asdict(each)} for each in phrases]
        with self._db.begin() as session:
            lock_unerased(session, call_id)
            insert_new(session, SpottedRow, rows)

    def spotted(self, call_id: str) -> tuple[Spotted, ...]:
        """The phrases that were spotted in a call, in order of time and channel.

        Raises:
            NotFoundError: there is no such call.
        """
        row = SpottedRow
        query = (
            select(row).where(row.call_id == call_id).order_by(row.start_s, row.channel, row.phrase)
        )
        with self._db.read() as session:
            find_call(session, call_id)
            return tuple(
                Spotted(each.channel, each.start_s, each.end_s, each.phrase)
                for each in session.scalars(query)
            )

    def how_much(self, call_ids: Sequence[str]) -> Mapping[str, Transcribed]:
        """How much of each of these calls is written down."""
        query = (
            select(TranscriptRow.call_id, TranscriptRow.recognised, func.count())
            .where(TranscriptRow.call_id.in_(call_ids))
            .group_by(TranscriptRow.call_id, TranscriptRow.recognised)
        )
        found: dict[str, set[bool]] = {call_id: set() for call_id in call_ids}
        with self._db.read() as session:
            for call_id, recognised, _ in session.execute(query):
                found[call_id].add(bool(recognised))
        return {
            call_id: Transcribed.NOTHING
            if True not in kinds
            else Transcribed.PARTLY
            if False in kinds
            else Transcribed.ALL
            for call_id, kinds in found.items()
        }


def _as_row(call_id: str, each: Utterance) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "channel": each.channel,
        "start_s": each.start_s,
        "end_s": each.end_s,
        "recognised": each.recognised,
        "words": [[w.text, w.start_s, w.end_s, w.confidence] for w in each.words],
    }


def _utterance(row: TranscriptRow) -> Utterance:
    words = tuple(Word(*word) for word in row.words)
    return Utterance(row.channel, row.start_s, row.end_s, words, row.recognised)
