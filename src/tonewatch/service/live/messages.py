"""What client and server say to each other beside the audio, and why a connection is closed.

`docs/reference/live.md` describes each; a test compares. It knows no socket and no call.
"""

from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from tonewatch.call.formats import Encoding
from tonewatch.call.roles import Role


class Close(IntEnum):
    """Codes of closing (RFC 6455, section 7.4; 4000 and more are ours, like HTTP's statuses)."""

    ENDED = 1000
    """The call is over; its `call_ended` was sent."""
    BAD_AUDIO = 1007
    """The bytes are not the audio that was said."""
    TOO_FAST = 1008
    """More audio came than time has passed, or the client reads too slowly."""
    TOO_BIG = 1009
    """A frame was larger than frames may be."""
    BROKE = 1011
    """The service broke; its log tells why."""
    DRAINED = 1012
    """The service is being stopped; the call was ended and kept."""
    FULL = 1013
    """The service hears as many calls as it may; try again later."""
    BAD_MESSAGE = 4400
    """A message that is none, or not at this time."""
    NOT_SIGNED_IN = 4401
    """No API key or session, or one that does not hold."""
    NOT_ALLOWED = 4403
    """The permission is missing, or a page of another site asked."""
    NO_SUCH_CALL = 4404
    """There is no such live call here to be taken up again."""
    SILENT = 4408
    """Nothing came for too long."""
    TAKEN_OVER = 4409
    """Another connection took the call up."""
    REVOKED = 4410
    """The key was revoked, or the user's sessions ended; the call was ended and kept."""
    TOO_MANY = 4429
    """This key or user has as many live calls as it may."""
    MODEL_OFF = 4503
    """The model is switched off."""


class HangUp(Exception):
    """The connection is to be closed.

    Args:
        code: why.
        message: what was expected, what came, what to do.
    """

    def __init__(self, code: Close, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
Value = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
Key = Annotated[str, StringConstraints(max_length=200)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Open(_Message):
    """A new call.

    Attributes:
        encoding: how samples are written.
        rate_hz: the stream's rate; for Opus it is not looked at.
        channels: who is on each.
        metadata: what is to be kept with the call.
        record: whether its audio is to be kept, where the service keeps audio.
        key: an API key, where the client cannot send headers.
    """

    type: Literal["open"]
    encoding: Annotated[Encoding, Field(strict=False)]
    rate_hz: int = 48_000
    channels: Annotated[
        list[Annotated[Role, Field(strict=False)]], Field(min_length=1, max_length=4)
    ] = [Role.CALLER]
    metadata: Annotated[dict[Word, Value], Field(max_length=32)] = {}
    record: bool = True
    key: Key = ""


class Resume(_Message):
    """A call whose connection broke is taken up again.

    Attributes:
        call_id: which.
        event: number of the last event that came; later ones are sent again.
        position: where in the whole stream the next byte belongs; None is right after the last
            byte that the service has.
        key: as in `Open`.
    """

    type: Literal["resume"]
    call_id: Word
    event: Annotated[int, Field(ge=0)] = 0
    position: Annotated[int, Field(ge=0)] | None = None
    key: Key = ""


class End(_Message):
    """The call is over."""

    type: Literal["end"]
    reason: Literal["finished", "hung_up"] = "finished"


_FIRST: TypeAdapter[Open | Resume] = TypeAdapter(
    Annotated[Open | Resume, Field(discriminator="type")]
)
_LATER: TypeAdapter[End] = TypeAdapter(End)


def first(text: str) -> Open | Resume:
    """The message that a connection begins with.

    Raises:
        HangUp: it is none.
    """
    message: Open | Resume = _parse(_FIRST, text, "`open` or `resume`")
    return message


def later(text: str) -> End:
    """A message beside the audio.

    Raises:
        HangUp: it is none.
    """
    message: End = _parse(_LATER, text, "`end`, or audio in binary frames")
    return message


def _parse(adapter: TypeAdapter[Any], text: str, expected: str) -> Any:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        came = f"{where}: {first['msg']}" if where else first["msg"]
        raise HangUp(
            Close.BAD_MESSAGE,
            f"expected {expected} as JSON, came what does not fit ({came}); see reference/live.md",
        ) from error
