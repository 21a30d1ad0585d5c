"""Takes of the Studio: checked, and kept where they are good enough or somebody wants them so.

It measures nothing itself; a process of the detector does. Forms are read as they come, after it is
known who sends them.
"""

import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from tonewatch.core.labels import Sex
from tonewatch.corpora.quality import Remark, remarks
from tonewatch.corpora.recorded import Row
from tonewatch.corpora.studio import Item
from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.problems import Refusal
from tonewatch.service.rest.answers import Answer, Id, PageNumber, PageOf, PerPage
from tonewatch.service.rest.describe import needs
from tonewatch.service.rest.studio import NUMBER, refuse_without_audio
from tonewatch.service.state import State
from tonewatch.service.studio import collection_of, prompts_of
from tonewatch.service.takes import Checked

router = APIRouter(prefix="/studio/takes", tags=["studio"])

_KEEP = ("good", "always", "never")


class TakeAnswer(Answer):
    """A take that is kept."""

    id: str = Field(description="Its file's name.", examples=["01_02_01_01_07"])
    speaker: str = Field(examples=["07"])
    state: str = Field(examples=["angry"])
    sentence: str = Field(examples=["Someone has been lying dead on the street."])
    sex: Sex | None
    language: str = Field(examples=["en"])
    take: int = Field(description="Which of the same, from 1.", examples=[1])
    level_dbfs: float | None = Field(examples=[-21.5])
    snr_db: float | None = Field(examples=[33.0])
    clipping: float | None = Field(description="Share of the samples.", examples=[0.0])


class RemarkAnswer(Answer):
    """What speaks against a take."""

    word: str = Field(examples=["too_quiet"])
    found: str = Field(examples=["speech at -45 dBFS, at least -38 is good"])
    advice: str = Field(examples=["turn the microphone up, or come closer"])


class CheckAnswer(Answer):
    """What came of a take."""

    advice: Literal["keep", "retake"]
    remarks: list[RemarkAnswer] = Field(description="What speaks against it, the worst first.")
    duration_s: float = Field(examples=[3.2])
    speech_s: float = Field(examples=[2.1])
    level_dbfs: float = Field(examples=[-21.5])
    peak_dbfs: float = Field(examples=[-6.0])
    snr_db: float | None = Field(description="Null without speech.", examples=[33.0])
    clipping: float = Field(examples=[0.0])
    take: TakeAnswer | None = Field(description="As it is kept; null where it is not.")


_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "speaker", "state", "sentence"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The take: wav, webm, ogg and more.",
                        },
                        "speaker": {
                            "type": "string",
                            "pattern": NUMBER,
                            "description": "Who agreed, by their number.",
                            "example": "07",
                        },
                        "state": {
                            "type": "string",
                            "description": "One of the states of `prompts`.",
                            "example": "angry",
                        },
                        "sentence": {
                            "type": "integer",
                            "minimum": 1,
                            "maximum": 99,
                            "description": "Which of the sentences of `prompts`, from 1.",
                            "example": 2,
                        },
                        "keep": {
                            "type": "string",
                            "enum": list(_KEEP),
                            "default": "good",
                            "description": "Keep it if nothing speaks against it, in any case, "
                            "or only check it.",
                        },
                    },
                }
            }
        },
    }
}
_CHECKED: dict[int | str, dict[str, Any]] = {
    200: {"description": "Checked, and not kept.", "model": CheckAnswer},
    201: {"description": "Checked, and kept."},
}
_AUDIO: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The whole file.",
        "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("", summary="All takes", **needs(Permission.STUDIO_USE))
def list_takes(
    state: Here,
    speaker: Annotated[
        str | None, Query(pattern=NUMBER, description="Only theirs.", examples=["07"])
    ] = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> PageOf[TakeAnswer]:
    rows = [row for row in collection_of(state).takes() if speaker in (None, row.speaker)]
    first = (page - 1) * per_page
    items = [_take(row) for row in rows[::-1][first : first + per_page]]
    return PageOf[TakeAnswer](items=items, page=page, per_page=per_page, total=len(rows))


@router.post(
    "",
    summary="Check a take, and keep it",
    description="A form. What the check advises to retake is not kept, unless `keep` is `always`: "
    "send it again so, or send another.",
    status_code=201,
    **needs(Permission.STUDIO_USE, 400, 404, 409, 413, openapi_extra=_UPLOAD, responses=_CHECKED),
)
async def add_take(request: Request, response: Response, who: Who, state: Here) -> CheckAnswer:
    # The form is read here and not by FastAPI, which would take it before asking who sends it.
    async with request.form(max_files=1, max_fields=8) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Refusal(422, "expected a form with one file, named `file`, came none")
        item, speaker, keep = await run_in_threadpool(_wanted, state, form)
        checked = await _checked(state, file.file)
    found = remarks(checked.measured)
    row = None
    if keep == "always" or (keep == "good" and not found):
        row = await run_in_threadpool(_keep, state, who.actor, speaker, item, checked)
    else:
        response.status_code = 200
    return _answer(checked, found, row)


@router.get(
    "/{take_id}/audio",
    summary="Hear a take",
    response_class=Response,
    **needs(Permission.STUDIO_USE, 404, responses=_AUDIO),
)
def audio(take_id: Id, who: Who, state: Here) -> Response:
    collection = collection_of(state)
    path = collection.root / collection.take(take_id).path
    if not path.is_file():
        raise Refusal(404, f"expected the file of take {take_id}, it is gone; delete the take")
    state.audit.append(who.actor, "studio.played", f"take:{take_id}", {})
    return Response(path.read_bytes(), media_type="audio/wav")


@router.delete(
    "/{take_id}",
    summary="Delete a take",
    description="For good.",
    status_code=204,
    **needs(Permission.STUDIO_USE, 404),
)
def delete_take(take_id: Id, who: Who, state: Here) -> None:
    collection_of(state).delete(take_id)
    state.audit.append(who.actor, "studio.deleted", f"take:{take_id}", {})


def _wanted(state: State, form: FormData) -> tuple[Item, str, str]:
    """What the form says is in the take, as far as it can be."""
    refuse_without_audio(state)
    prompts = prompts_of(state)
    texts = {name: form.get(name, "") for name in ("speaker", "state", "sentence", "keep")}
    given = {name: value for name, value in texts.items() if isinstance(value, str)}
    acted, number = given.get("state", ""), given.get("sentence", "")
    keep = given.get("keep") or "good"
    if acted not in prompts.states:
        raise Refusal(422, f"expected a state among {', '.join(prompts.states)}, came another")
    if not (number.isascii() and number.isdigit() and len(number) < 3):
        raise Refusal(422, f"expected a sentence from 1 to {len(prompts.sentences)}, came none")
    if not 1 <= int(number) <= len(prompts.sentences):
        raise Refusal(422, f"expected a sentence from 1 to {len(prompts.sentences)}, came {number}")
    if keep not in _KEEP:
        raise Refusal(422, f"expected keep as one of {', '.join(_KEEP)}, came another")
    speaker = collection_of(state).speaker(given.get("speaker", ""))
    return Item(acted, int(number), prompts.sentences[int(number) - 1]), speaker.number, keep


async def _checked(state: State, file: BinaryIO) -> Checked:
    path = state.settings.data_dir / "incoming" / secrets.token_hex(16)
    try:
        await run_in_threadpool(_write, file, path)
        return await state.detector.check_take(path)
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


def _write(file: BinaryIO, path: Path) -> None:
    with path.open("xb") as out:
        shutil.copyfileobj(file, out)


def _keep(state: State, actor: str, speaker: str, item: Item, checked: Checked) -> Row:
    row = collection_of(state).keep(speaker, item, checked.wav, checked.measured)
    details = {"speaker": speaker, "state": item.state, "sentence": item.number}
    state.audit.append(actor, "studio.kept", f"take:{Path(row.path).stem}", details)
    return row


def _take(row: Row) -> TakeAnswer:
    return TakeAnswer(
        id=Path(row.path).stem,
        speaker=row.speaker,
        state=row.label,
        sentence=row.sentence,
        sex=row.sex,
        language=row.language,
        take=row.take,
        level_dbfs=row.level_dbfs,
        snr_db=row.snr_db,
        clipping=row.clipping,
    )


def _answer(checked: Checked, found: tuple[Remark, ...], row: Row | None) -> CheckAnswer:
    measured = checked.measured
    return CheckAnswer(
        advice="retake" if found else "keep",
        remarks=[RemarkAnswer.model_validate(remark) for remark in found],
        duration_s=measured.duration_s,
        speech_s=measured.speech_s,
        level_dbfs=measured.level_dbfs,
        peak_dbfs=measured.peak_dbfs,
        snr_db=measured.snr_db,
        clipping=measured.clipping,
        take=None if row is None else _take(row),
    )
