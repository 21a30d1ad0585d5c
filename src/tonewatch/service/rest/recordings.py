"""Recordings: upload, list, hear, detect, delete."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from tonewatch.audio.containers import sniff
from tonewatch.service import shelf
from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.intake import MEDIA_TYPES
from tonewatch.service.problems import Refusal
from tonewatch.service.ranges import ByteRange, UnsatisfiableError, parse_range, read_range
from tonewatch.service.rest.answers import (
    TEXT,
    Answer,
    Id,
    PageNumber,
    PageOf,
    PerPage,
    Search,
    Since,
    Until,
    page_of,
)
from tonewatch.service.rest.describe import needs
from tonewatch.service.rest.results import BundleName, EmotionAnswer, ResultAnswer, SpanAnswer
from tonewatch.store.recordings import Recording

router = APIRouter(prefix="/recordings", tags=["recordings"])


class RecordingAnswer(Answer):
    """A recording, and the emotion of all of it where it was heard already."""

    id: str = Field(examples=["r_81c0"])
    name: str = Field(description="As it was uploaded.", examples=["call.wav"])
    sha256: str = Field(description="Of the file that is kept.")
    size_bytes: int = Field(examples=[482_140])
    duration_s: float = Field(examples=[30.5])
    rate_hz: int = Field(examples=[16_000])
    channels: int = Field(examples=[1])
    codec: str = Field(description="Of the file that is kept.", examples=["flac"])
    created_at: datetime
    created_by: str | None = Field(examples=["ada"])
    call_id: str | None = Field(description="The call that it is of.")
    legal_hold: bool = Field(description="Whether it may not be deleted.")
    deleted_at: datetime | None = Field(description="When it was deleted; it can be restored.")
    emotion: EmotionAnswer | None = Field(
        description="Over all of it; null before detection, or without speech."
    )


class HeardRecording(RecordingAnswer):
    """A recording with all that was heard in it."""

    result: ResultAnswer | None = Field(description="What was heard; null before detection.")


_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The recording, with its name.",
                        }
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    summary="Upload a recording",
    description="A form with one `file`: wav, flac, ogg, mp3, m4a, webm, amr and more; G.711 by "
    "its ending. PCM is kept as FLAC. It is not heard yet.",
    status_code=201,
    **needs(Permission.RECORDINGS_WRITE, 400, 409, 413, openapi_extra=_UPLOAD),
)
async def upload(request: Request, who: Who, state: Here) -> RecordingAnswer:
    # The form is read here and not by FastAPI, which would take it before asking who sends it.
    async with request.form(max_files=1, max_fields=8) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Refusal(422, "expected a form with one file, named `file`, came none")
        name = file.filename or "recording"
        return _answer(await shelf.keep(state, who.actor, name, file.file))


@router.get("", summary="All recordings", **needs(Permission.RECORDINGS_READ))
def list_recordings(
    who: Who,
    state: Here,
    search: Search = None,
    label: Search = None,
    since: Since = None,
    until: Until = None,
    call_id: Annotated[
        str | None, Query(max_length=64, pattern=TEXT, description="Only of this call.")
    ] = None,
    deleted: Annotated[bool, Query(description="Those that are deleted, not the others.")] = False,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> PageOf[RecordingAnswer]:
    found = state.recordings.list(
        search=search,
        label=label,
        since=since,
        until=until,
        call_id=call_id,
        deleted=deleted,
        page=page,
        per_page=per_page,
    )
    state.shown.tell_list(
        who.actor,
        "recordings",
        [
            (item.id, item.result["bundle"], item.result["emotion"])
            for item in found.items
            if item.result is not None
        ],
    )
    return page_of(RecordingAnswer, found, _answer)


@router.get("/{recording_id}", summary="One recording", **needs(Permission.RECORDINGS_READ, 404))
def get_recording(recording_id: Id, who: Who, state: Here) -> HeardRecording:
    recording = state.recordings.get(recording_id)
    shelf.tell_shown(state, who.actor, recording)
    return HeardRecording.model_validate(_fields(recording))


@router.post(
    "/{recording_id}/detect",
    summary="Hear a recording",
    description="Answers when all of it is heard; what was heard before is replaced.",
    **needs(Permission.RECORDINGS_WRITE, 404, 409),
)
async def detect(recording_id: Id, who: Who, state: Here) -> HeardRecording:
    recording = await shelf.hear(state, who.actor, recording_id)
    await run_in_threadpool(shelf.tell_shown, state, who.actor, recording)
    return HeardRecording.model_validate(_fields(recording))


class ExplanationAnswer(SpanAnswer):
    """What one window's answer rests on, by hiding cells of time and frequency one by one."""

    bundle: BundleName
    label: str = Field(description="The likeliest, which is explained.", examples=["fearful"])
    probability: float = Field(description="Of the label, calibrated.", examples=[0.78])
    baseline: float = Field(
        description="Of the label, with all of the window hidden.", examples=[0.11]
    )
    times_s: list[float] = Field(
        description="Edges of the cells in the recording.", examples=[[4.0, 5.5, 7.0]]
    )
    bands_hz: list[float] = Field(
        description="Edges of the cells in frequency.", examples=[[0.0, 1600.0, 8000.0]]
    )
    falls: list[list[float]] = Field(
        description="What the probability falls by with one cell hidden: a row a band, in it a "
        "number a time; under 0 where it rises.",
        examples=[[[0.31, 0.02], [0.04, -0.01]]],
    )
    by_time: list[float] = Field(
        description="With all bands of one time hidden.", examples=[[0.36, 0.05]]
    )
    by_band: list[float] = Field(
        description="With one band hidden all the time.", examples=[[0.4, 0.06]]
    )
    picture: str = Field(
        description="The falls over the spectrogram, a PNG as a data URL.",
        examples=["data:image/png;base64,iVBORw0KGgo="],
    )


_START = Query(ge=0, le=1e6, description="Where the window begins, as in the timeline.")


@router.get(
    "/{recording_id}/explanation",
    summary="What one window's answer rests on",
    description="Takes a second or more: the window is heard again with each cell of time and "
    "frequency hidden (occlusion). It tells what the network used, not why somebody sounds so.",
    **needs(Permission.RECORDINGS_READ, 404, 409),
)
async def explanation(
    recording_id: Id, who: Who, state: Here, start_s: Annotated[float, _START]
) -> ExplanationAnswer:
    found, picture = await shelf.explain(state, who.actor, recording_id, start_s)
    url = f"data:image/png;base64,{b64encode(picture).decode()}"
    return ExplanationAnswer.model_validate(found | {"bundle": state.bundle, "picture": url})


_AUDIO: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The whole file, in its own format.",
        "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {
        "description": "The range that was asked for.",
        "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}},
    },
}
_RANGE = {
    "parameters": [
        {
            "name": "Range",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "example": "bytes=0-65535",
            "description": "One range of bytes; several at once are answered with the whole.",
        }
    ]
}


@router.get(
    "/{recording_id}/audio",
    summary="Hear a recording's audio",
    response_class=StreamingResponse,
    **needs(Permission.RECORDINGS_READ, 404, 416, responses=_AUDIO, openapi_extra=_RANGE),
)
@router.head("/{recording_id}/audio", include_in_schema=False, **needs(Permission.RECORDINGS_READ))
def audio(recording_id: Id, request: Request, who: Who, state: Here) -> Response:
    recording = state.recordings.get(recording_id)
    file = shelf.open_audio(state, recording)
    try:
        media_type = MEDIA_TYPES.get(sniff(file), "application/octet-stream")
        size = file.seek(0, 2)
        header = request.headers.get("range")
        if request.headers.get("if-range") not in (None, f'"{recording.sha256}"'):
            header = None
        wanted = parse_range(header, size)
        if request.method == "GET":
            state.shown.tell_played(who.actor, f"recording:{recording.id}")
    except UnsatisfiableError as error:
        file.close()
        raise Refusal(
            416,
            f"expected a range within {size} bytes, came {header}",
            headers={"Content-Range": f"bytes */{size}"},
        ) from error
    except BaseException:
        file.close()
        raise
    served = wanted or ByteRange(0, size - 1, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(served.length),
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(recording.name, safe='')}",
        "ETag": f'"{recording.sha256}"',
    }
    if wanted is not None:
        headers["Content-Range"] = wanted.content_range
    if request.method == "HEAD":
        file.close()
        body: Iterator[bytes] = iter(())
    else:
        body = read_range(file, served)
    return StreamingResponse(body, 206 if wanted else 200, headers, media_type)


@router.delete(
    "/{recording_id}",
    summary="Delete a recording",
    description="It can be restored until retention sweeps it away.",
    status_code=204,
    **needs(Permission.RECORDINGS_DELETE, 404, 409),
)
def delete(recording_id: Id, who: Who, state: Here) -> None:
    with state.database.begin():
        state.recordings.delete(recording_id)
        state.audit.append(who.actor, "recording.deleted", f"recording:{recording_id}", {})


@router.post(
    "/{recording_id}/restore",
    summary="Restore a deleted recording",
    **needs(Permission.RECORDINGS_DELETE, 404, 409),
)
def restore(recording_id: Id, who: Who, state: Here) -> RecordingAnswer:
    with state.database.begin():
        recording = state.recordings.restore(recording_id)
        state.audit.append(who.actor, "recording.restored", f"recording:{recording_id}", {})
    return _answer(recording)


def _fields(recording: Recording) -> dict[str, Any]:
    emotion = None if recording.result is None else recording.result["emotion"]
    return asdict(recording) | {"emotion": emotion}


def _answer(recording: Recording) -> RecordingAnswer:
    return RecordingAnswer.model_validate(_fields(recording))
