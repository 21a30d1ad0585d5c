"""The Studio: record a corpus of one's own in the browser. Consent, takes with their checks, files.

What is kept lies in `studio` below the data folder, as `tonewatch record` writes it; a
`prompts.toml` there takes the place of the usual sentences. The audit names speakers by their
numbers and takes by their names, which tell no person.
"""

import secrets
import shutil
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from tonewatch.core.labels import Sex
from tonewatch.corpora.collection import Collection
from tonewatch.corpora.quality import LIMITS, Remark, remarks
from tonewatch.corpora.recorded import Row
from tonewatch.corpora.studio import Consent, Item, Prompts, Speaker, read_prompts
from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.problems import Refusal
from tonewatch.service.rest.answers import TEXT, Answer, Asked, Id, PageNumber, PageOf, PerPage
from tonewatch.service.rest.describe import needs
from tonewatch.service.state import State
from tonewatch.service.takes import Checked

router = APIRouter(prefix="/studio", tags=["studio"])

_NUMBER = r"^[0-9]{2,6}$"
SpeakerNumber = Annotated[str, InPath(pattern=_NUMBER, description="Their number.")]
_KEEP = ("good", "always", "never")


class LimitsAnswer(Answer):
    """From where on a take is worth another try."""

    quietest_dbfs: float = Field(examples=[-38.0])
    loudest_dbfs: float = Field(examples=[-6.0])
    least_snr_db: float = Field(examples=[15.0])
    most_clipping: float = Field(examples=[0.0005])
    shortest_s: float = Field(examples=[0.7])
    longest_s: float = Field(examples=[12.0])
    least_speech_s: float = Field(examples=[0.4])


class PromptsAnswer(Answer):
    """What is to be spoken and how, and what every speaker agrees to first."""

    sentences: list[str] = Field(examples=[["We need an ambulance as soon as possible."]])
    states: list[str] = Field(examples=[["angry", "drunk", "painful", "stressful"]])
    language: str = Field(description="ISO 639-1 code, or empty.", examples=["en"])
    consent: str = Field(description="The text to show.")
    limits: LimitsAnswer


class NewSpeaker(Asked):
    """Somebody who agrees; they get a number."""

    agreed: Literal[True] = Field(description="They have read the text, and agree.")
    consent: str = Field(
        max_length=5_000, pattern=TEXT, description="The text that was shown, as `prompts` has it."
    )
    sex: Sex | None = Field(default=None, description="If they tell.", examples=["female"])
    language: str = Field(
        default="", max_length=20, pattern=r"^[A-Za-z-]*$", description="What they speak."
    )
    age: str = Field(
        default="", max_length=20, pattern=r"^[0-9 +-]*$", description="If they tell, as 30-39."
    )


class SpeakerAnswer(Answer):
    """Somebody who agreed."""

    number: str = Field(examples=["07"])
    sex: Sex | None
    language: str = Field(examples=["en"])
    age: str = Field(examples=["30-39"])
    agreed_at: str = Field(description="When.", examples=["2026-01-02T03:04:05+00:00"])
    consent: str = Field(description="The text that they agreed to.")
    takes: int = Field(description="How many of theirs are kept.", examples=[16])


class Speakers(Answer):
    """All who agreed."""

    items: list[SpeakerAnswer]


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
                            "pattern": _NUMBER,
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


@router.get("/prompts", summary="What is to be spoken", **needs(Permission.STUDIO_USE))
def get_prompts(state: Here) -> PromptsAnswer:
    prompts = _prompts(state)
    return PromptsAnswer(
        sentences=list(prompts.sentences),
        states=list(prompts.states),
        language=prompts.language,
        consent=prompts.consent,
        limits=LimitsAnswer.model_validate(LIMITS),
    )


@router.get("/speakers", summary="All speakers who agreed", **needs(Permission.STUDIO_USE))
def list_speakers(state: Here) -> Speakers:
    collection = _collection(state)
    takes = [row.speaker for row in collection.takes()]
    return Speakers(items=[_speaker(who, takes.count(who.number)) for who in collection.speakers()])


@router.post(
    "/speakers",
    summary="Keep a speaker's consent",
    description="Comes before any take: without it nothing is kept.",
    status_code=201,
    **needs(Permission.STUDIO_USE, 400, 409, 413),
)
def add_speaker(asked: NewSpeaker, who: Who, state: Here) -> SpeakerAnswer:
    _refuse_without_audio(state)
    prompts = _prompts(state)
    if asked.consent.strip() != prompts.consent.strip():
        raise Refusal(
            409, "expected the text of consent of now, came another; load it and ask anew"
        )
    consent = Consent(prompts.consent, state.clock().astimezone(UTC))
    details = {"sex": asked.sex, "language": asked.language or prompts.language, "age": asked.age}
    speaker = _collection(state).admit(consent, details)
    state.audit.append(who.actor, "studio.agreed", f"speaker:{speaker.number}", {})
    return _speaker(speaker, 0)


@router.delete(
    "/speakers/{speaker}",
    summary="Forget a speaker",
    description="Their consent and all their takes, for good, as they may ask.",
    status_code=204,
    **needs(Permission.STUDIO_USE, 404),
)
def forget_speaker(speaker: SpeakerNumber, who: Who, state: Here) -> None:
    takes = _collection(state).forget(speaker)
    state.audit.append(who.actor, "studio.forgotten", f"speaker:{speaker}", {"takes": takes})


@router.get("/takes", summary="All takes", **needs(Permission.STUDIO_USE))
def list_takes(
    state: Here,
    speaker: Annotated[
        str | None, Query(pattern=_NUMBER, description="Only theirs.", examples=["07"])
    ] = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> PageOf[TakeAnswer]:
    rows = [row for row in _collection(state).takes() if speaker in (None, row.speaker)]
    first = (page - 1) * per_page
    items = [_take(row) for row in rows[::-1][first : first + per_page]]
    return PageOf[TakeAnswer](items=items, page=page, per_page=per_page, total=len(rows))


@router.post(
    "/takes",
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
    "/takes/{take_id}/audio",
    summary="Hear a take",
    response_class=Response,
    **needs(Permission.STUDIO_USE, 404, responses=_AUDIO),
)
def audio(take_id: Id, who: Who, state: Here) -> Response:
    collection = _collection(state)
    path = collection.root / collection.take(take_id).path
    if not path.is_file():
        raise Refusal(404, f"expected the file of take {take_id}, it is gone; delete the take")
    state.audit.append(who.actor, "studio.played", f"take:{take_id}", {})
    return Response(path.read_bytes(), media_type="audio/wav")


@router.delete(
    "/takes/{take_id}",
    summary="Delete a take",
    description="For good.",
    status_code=204,
    **needs(Permission.STUDIO_USE, 404),
)
def delete_take(take_id: Id, who: Who, state: Here) -> None:
    _collection(state).delete(take_id)
    state.audit.append(who.actor, "studio.deleted", f"take:{take_id}", {})


def _collection(state: State) -> Collection:
    return Collection(state.settings.data_dir / "studio")


def _prompts(state: State) -> Prompts:
    path = state.settings.data_dir / "studio" / "prompts.toml"
    return read_prompts(path) if path.is_file() else Prompts()


def _refuse_without_audio(state: State) -> None:
    if state.settings.keep_audio == "none":
        raise Refusal(
            409,
            "expected a service that keeps audio, this one is set not to "
            "(TONEWATCH_KEEP_AUDIO=none); record with `tonewatch record` instead",
            kind="no_audio",
        )


def _wanted(state: State, form: FormData) -> tuple[Item, str, str]:
    """What the form says is in the take, as far as it can be."""
    _refuse_without_audio(state)
    prompts = _prompts(state)
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
    speaker = _collection(state).speaker(given.get("speaker", ""))
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
    row = _collection(state).keep(speaker, item, checked.wav, checked.measured)
    details = {"speaker": speaker, "state": item.state, "sentence": item.number}
    state.audit.append(actor, "studio.kept", f"take:{Path(row.path).stem}", details)
    return row


def _speaker(who: Speaker, takes: int) -> SpeakerAnswer:
    return SpeakerAnswer(
        number=who.number,
        sex=who.sex,
        language=who.language,
        age=who.age,
        agreed_at=who.consent.given_at.isoformat(timespec="seconds"),
        consent=who.consent.text,
        takes=takes,
    )


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
