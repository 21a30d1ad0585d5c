"""All that is kept of one call, as a zip for people and for other programs.

call.json         the call itself
timeline.csv      a row a window
timeline.json     the same as JSON
transcript.csv    a row an utterance
transcript.json   the same as JSON, word by word
spotted.json      phrases that were spotted beside the transcript
assessments.json  notes.json  decisions.json
recordings.json   what is known about its recordings, also deleted ones, and was heard in them
audit.json        the audit's entries about it and its recordings, each with its hash
audio/            its recordings, as they are kept; not of deleted ones, though they can come back
SHA256SUMS        of all of these, for `sha256sum -c`
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

from tonewatch.store.assessments import Assessments
from tonewatch.store.audit import Audit
from tonewatch.store.blobs import Blobs
from tonewatch.store.calls import Calls
from tonewatch.store.decisions import KeptDecisions
from tonewatch.store.notes import Notes
from tonewatch.store.page import MOST_PER_PAGE
from tonewatch.store.recordings import Recording, Recordings
from tonewatch.store.transcripts import Transcripts, Utterance
from tonewatch.store.windows import Window

_CHUNK = 1 << 20
_FIRST_YEAR = 1980  # a zip knows none before
_ENDINGS = {"flac": ".flac", "wav": ".wav", "ogg": ".ogg", "opus": ".opus", "mp3": ".mp3"}


@dataclass(frozen=True)
class Export:
    """Where all that belongs to a call is found."""

    calls: Calls
    notes: Notes
    decisions: KeptDecisions
    recordings: Recordings
    assessments: Assessments
    transcripts: Transcripts
    audit: Audit
    blobs: Blobs

    def export_call(self, call_id: str, *, scores: bool = True) -> BinaryIO:
        """The zip, as an open temporary file at its start; it vanishes when closed.

        Without `scores` no assessment is in it, nor what was shown when somebody decided.

        Raises:
            NotFoundError: there is no such call.
        """
        call = self.calls.get(call_id)
        out = TemporaryFile()  # noqa: SIM115
        try:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                sums = [
                    f"{_write(archive, name, content, call.started_at)}  {name}"
                    for name, content in self._files(call_id, scores)
                ]
                _write(archive, "SHA256SUMS", io.BytesIO(_lines(sums).encode()), call.started_at)
        except BaseException:
            out.close()
            raise
        out.seek(0)
        return out

    def _files(self, call_id: str, scores: bool) -> Iterator[tuple[str, IO[bytes]]]:
        windows = self.calls.windows(call_id)
        recordings = [
            each
            for deleted in (False, True)
            for each in self.recordings.list(
                call_id=call_id, deleted=deleted, per_page=MOST_PER_PAGE
            ).items
        ]
        subjects = [f"call:{call_id}", *(f"recording:{each.id}" for each in recordings)]
        yield "call.json", _json(asdict(self.calls.get(call_id)))
        yield "timeline.csv", io.BytesIO(_csv(windows).encode())
        yield "timeline.json", _json([asdict(window) for window in windows])
        utterances = self.transcripts.of(call_id)
        yield "transcript.csv", io.BytesIO(_transcript_csv(utterances).encode())
        yield "transcript.json", _json([asdict(each) for each in utterances])
        spotted = self.transcripts.spotted(call_id)
        yield "spotted.json", _json([asdict(each) for each in spotted])
        assessments, decisions = self.assessments.of(call_id), self.decisions.of(call_id)
        if not scores:
            assessments = ()
            decisions = tuple(replace(each, shown=None) for each in decisions)
        yield "assessments.json", _json([asdict(each) for each in assessments])
        yield "notes.json", _json([asdict(note) for note in self.notes.of(call_id)])
        yield "decisions.json", _json([asdict(each) for each in decisions])
        yield "recordings.json", _json([asdict(each) for each in recordings])
        yield "audit.json", _json([asdict(entry) for entry in self.audit.about(subjects)])
        for recording in recordings:
            if recording.deleted_at is not None:
                continue
            if not self.blobs.exists(recording.sha256):  # where no audio is kept
                continue
            with self.blobs.open(recording.sha256) as content:
                yield f"audio/{_file_name(recording)}", content


def _write(archive: zipfile.ZipFile, name: str, content: IO[bytes], at: datetime) -> str:
    """Write one file; gives its hash."""
    when = at.timetuple()[:6] if at.year >= _FIRST_YEAR else (_FIRST_YEAR, 1, 1, 0, 0, 0)
    info = zipfile.ZipInfo(name, when)
    info.compress_type = zipfile.ZIP_STORED if name.startswith("audio/") else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    digest = sha256()
    with archive.open(info, "w", force_zip64=True) as target:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest()


def _csv(windows: tuple[Window, ...]) -> str:
    labels = sorted({label for window in windows for label in window.probabilities})
    out = io.StringIO()
    columns = ["channel", "start_s", "end_s", "label", "confidence", "certain", "speech_s"]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*columns, *(f"p_{label}" for label in labels)])
    for window in windows:
        plain = [getattr(window, column) for column in columns]
        writer.writerow([*plain, *(window.probabilities.get(label, "") for label in labels)])
    return out.getvalue()


def _transcript_csv(utterances: tuple[Utterance, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = ["channel", "start_s", "end_s", "recognised", "text"]
    writer.writerow(columns)
    for each in utterances:
        writer.writerow([getattr(each, column) for column in columns])
    return out.getvalue()


def _json(value: Any) -> IO[bytes]:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    return io.BytesIO(f"{text}\n".encode())


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no JSON for {type(value)}")


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _file_name(recording: Recording) -> str:
    """The recording's id: its own name may hold anything, also a person's."""
    return recording.id + _ENDINGS.get(recording.codec.lower(), ".bin")
