"""A recogniser behind HTTP that speaks as OpenAI's `/v1/audio/transcriptions` does.

Many servers of one's own do. An utterance goes there as a WAV file once it is over; the audio of
calls thus leaves this machine, so nothing chooses this backend but the person who runs the service.
It knows no retries: an utterance whose request failed is told as not transcribed. Errors are
logged, and an answer may hold what a caller said: so no message quotes any of it.
"""

import http.client
import io
import json
import math
import uuid
import wave
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np

from tonewatch.core.errors import SettingsError, TranscriptError
from tonewatch.core.events import Word
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.whole import Whole

UNKNOWN_CONFIDENCE = 0.5
"""Of words whose server tells no probability."""

_LARGEST = 10_000_000  # bytes of an answer


USUAL_MODEL = "whisper-1"
"""What most servers call theirs."""


def is_server(url: str) -> bool:
    """Whether it is the address of a server of HTTP."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class Http:
    """Recognises by a server.

    Args:
        url: up to and with `/v1`, as in `http://127.0.0.1:8000/v1`.
        model: the name that the server has for a model.
        key: sent as `Authorization: Bearer`, if any.
        language: ISO 639-1 code; None leaves it to the server.
        timeout_s: for the server to take the audio and to answer.

    Raises:
        SettingsError: The URL is none of HTTP, or the timeout is not above 0.
    """

    name = "http"

    def __init__(
        self,
        url: str,
        *,
        model: str = USUAL_MODEL,
        key: str | None = None,
        language: str | None = None,
        timeout_s: float = 20.0,
    ) -> None:
        if not is_server(url):
            raise SettingsError(
                f"expected the URL of a server, came {url!r}; write it as http://HOST:PORT/v1"
            )
        if not timeout_s > 0:
            raise SettingsError(f"expected a timeout above 0 s, came {timeout_s}; raise it")
        self._url = url.rstrip("/") + "/audio/transcriptions"
        self._fields = [
            ("model", model),
            ("response_format", "verbose_json"),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities[]", "segment"),
            *([("language", language)] if language else []),
        ]
        self._key = key
        self._timeout_s = timeout_s

    def session(self) -> Whole:
        return Whole(self._recognise)

    def _recognise(self, samples: Samples) -> Sequence[Word]:
        boundary = uuid.uuid4().hex
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        body = _form(self._fields, _wav(samples), boundary)
        try:
            with urlopen(Request(self._url, body, headers), timeout=self._timeout_s) as answer:
                content = answer.read(_LARGEST)
                kind = answer.headers.get_content_type()
        except HTTPError as error:
            with error:
                kind = error.headers.get_content_type()
            raise TranscriptError(
                f"{self._url}: expected a transcript, came status {error.code} and {kind}; check "
                "the server's address, key and model; its own log tells more"
            ) from error
        except TimeoutError as error:
            raise TranscriptError(
                f"{self._url}: expected a transcript within {self._timeout_s:g} s, came none; "
                "the server is too slow or overloaded"
            ) from error
        except http.client.HTTPException as error:
            raise TranscriptError(
                f"{self._url}: expected an answer of HTTP, came another or half of one "
                f"({type(error).__name__}); correct the URL"
            ) from error
        except OSError as error:
            raise TranscriptError(
                f"{self._url}: the server cannot be reached: {error}; start it or correct the URL"
            ) from error
        try:
            return _words(content, samples.size / RATE_HZ)
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            ArithmeticError,
            RecursionError,  # of JSON
        ) as error:
            raise TranscriptError(
                f"{self._url}: expected JSON with words, their start and end, came "
                f"{len(content)} bytes of {kind} ({type(error).__name__}); the server must know "
                "response_format=verbose_json"
            ) from error


def _words(content: bytes, duration_s: float) -> list[Word]:
    table = json.loads(content)
    segments = table.get("segments") or []
    rows = table.get("words") or [row for one in segments for row in one.get("words") or ()]
    if not rows and (texts := _text(table["text"]).split()):
        return _spread(texts, duration_s)
    return [
        Word(text, _seconds(row["start"]), _seconds(row["end"]), _confidence(row, segments))
        for row in rows
        if (text := _text(row["word"]))
    ]


def _text(value: str) -> str:
    """Without what JSON can escape and no database keeps: NUL, and halves of a UTF-16 pair."""
    return value.replace("\0", "").encode("utf-8", "replace").decode().strip()


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds < math.inf:
        raise ValueError("a time that cannot be")
    return seconds


def _confidence(row: Mapping[str, Any], segments: Sequence[Mapping[str, Any]]) -> float:
    """The word's own probability, else the mean of its segment's tokens."""
    if (own := row.get("probability")) is not None and not math.isnan(own):
        return min(max(float(own), 0.0), 1.0)
    for segment in segments:
        within = segment["start"] <= row["start"] < segment["end"]
        if within and (mean := segment.get("avg_logprob")) is not None and not math.isnan(mean):
            return math.exp(min(mean, 0.0))
    return UNKNOWN_CONFIDENCE


def _spread(texts: Sequence[str], duration_s: float) -> list[Word]:
    """Words without times: each gets an equal share of the utterance."""
    each_s = duration_s / len(texts)
    return [
        Word(text, k * each_s, (k + 1) * each_s, UNKNOWN_CONFIDENCE) for k, text in enumerate(texts)
    ]


def _wav(samples: Samples) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def _form(fields: Sequence[tuple[str, str]], wav: bytes, boundary: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="speech.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    ).encode()
    return b"".join([*parts, head, wav, f"\r\n--{boundary}--\r\n".encode()])
