"""Against a real server on this machine, which answers what the test wants."""

import io
import json
import math
import socket
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from tonewatch.core.errors import SettingsError, TranscriptError
from tonewatch.core.events import Word, WordsRecognised
from tonewatch.core.signal import RATE_HZ
from tonewatch.transcript.http import UNKNOWN_CONFIDENCE, Http

SECOND = np.full(RATE_HZ, 0.25, np.float32)


class Server:
    """What came, and what is answered."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: bytes = b"{}"
        self.kind = "application/json"
        self.wait_s = 0.0
        self.path = ""
        self.headers: dict[str, str] = {}
        self.fields: list[tuple[str, bytes]] = []
        self.url = ""

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path, self.headers = path, headers
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
        parts: Any = message_from_bytes(head + body).get_payload()
        self.fields = [
            (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
            for part in parts
        ]


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.take(self.path, dict(self.headers), body)
            time.sleep(server.wait_s)
            self.send_response(server.status)
            self.send_header("Content-Type", server.kind)
            self.send_header("Content-Length", str(len(server.answer)))
            self.end_headers()
            self.wfile.write(server.answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def heard(http: Http, start_s: float = 10.0) -> WordsRecognised:
    session = http.session()
    session.begin(start_s)
    assert session.push(SECOND[:4000]) == []
    assert session.push(SECOND[4000:]) == []
    (told,) = session.finish()
    assert isinstance(told, WordsRecognised)
    return told


def test_words_of_the_answer_and_what_was_asked() -> None:
    answer = {
        "text": "Hello there friend.",
        "words": [
            {"word": "Hello", "start": 0.1, "end": 0.4},
            {"word": " there", "start": 0.4, "end": 0.6, "probability": 0.7},
            {"word": "friend", "start": 0.8, "end": 7.0},
        ],
        "segments": [{"start": 0.0, "end": 0.5, "avg_logprob": -0.5}],
    }
    with serving() as server:
        server.answer = json.dumps(answer).encode()
        told = heard(Http(server.url + "/", model="m", key="secret", language="en"))
    assert told == WordsRecognised(
        10.0,
        11.0,
        (
            Word("Hello", 10.1, 10.4, math.exp(-0.5)),
            Word("there", 10.4, 10.6, 0.7),
            Word("friend", 10.8, 11.0, UNKNOWN_CONFIDENCE),
        ),
        final=True,
    )
    assert server.path == "/v1/audio/transcriptions"
    assert server.headers["Authorization"] == "Bearer secret"
    *fields, (name, audio) = server.fields
    assert fields == [
        ("model", b"m"),
        ("response_format", b"verbose_json"),
        ("timestamp_granularities[]", b"word"),
        ("timestamp_granularities[]", b"segment"),
        ("language", b"en"),
    ]
    assert name == "file"
    with wave.open(io.BytesIO(audio)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    np.testing.assert_allclose(pcm / 32767, SECOND, atol=1e-4)


def test_words_within_segments_are_found() -> None:
    words = [{"word": "yes", "start": 0.0, "end": 0.5, "probability": 1.2}]
    with serving() as server:
        server.answer = json.dumps({"text": "yes", "segments": [{"words": words}]}).encode()
        told = heard(Http(server.url))
    assert told.words == (Word("yes", 10.0, 10.5, 1.0),)
    assert "Authorization" not in server.headers


@pytest.mark.parametrize(
    ("told", "confidence"),
    [
        ({"probability": math.nan}, math.exp(-0.5)),
        ({"probability": -0.1}, 0.0),
        ({"avg_logprob": 1000}, 1.0),
        ({"avg_logprob": -math.inf}, 0.0),
        ({"avg_logprob": math.nan}, UNKNOWN_CONFIDENCE),
    ],
)
def test_a_confidence_is_a_probability(told: dict[str, float], confidence: float) -> None:
    word = {"word": "yes", "start": 0.0, "end": 0.5, **told}
    segment = {"start": 0.0, "end": 1.0, "avg_logprob": -0.5, **told}
    with serving() as server:
        server.answer = json.dumps({"words": [word], "segments": [segment]}).encode()
        assert heard(Http(server.url)).words == (Word("yes", 10.0, 10.5, confidence),)


def test_a_text_without_times_is_spread_over_the_utterance() -> None:
    with serving() as server:
        server.answer = json.dumps({"text": " one two "}).encode()
        told = heard(Http(server.url))
    assert told.words == (Word("one", 10.0, 10.5, 0.5), Word("two", 10.5, 11.0, 0.5))


def test_what_no_database_keeps_is_no_part_of_a_word() -> None:
    rows = [{"word": "fi\0re\ud83d", "start": 0, "end": 1}, {"word": "\0", "start": 1, "end": 2}]
    with serving() as server:
        server.answer = json.dumps({"text": "", "words": rows}).encode()
        (word,) = heard(Http(server.url)).words
    assert word.text == "fire?"


def test_no_words_are_no_words() -> None:
    with serving() as server:
        server.answer = json.dumps({"text": "", "words": [], "segments": []}).encode()
        assert heard(Http(server.url)).words == ()


def test_nothing_is_asked_for_an_utterance_without_samples() -> None:
    with serving() as server:
        session = Http(server.url).session()
        session.begin(1.0)
        assert session.finish() == []
    assert server.path == ""


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refusal_is_told_without_what_the_server_said(status: int) -> None:
    with serving() as server:
        server.status, server.kind, server.answer = status, "text/plain", b"I heard: he hit me"
        with pytest.raises(TranscriptError, match=rf"status {status} and text/plain") as told:
            heard(Http(server.url))
    assert "hit" not in str(told.value)


def test_a_slow_server_is_not_waited_for() -> None:
    with serving() as server:
        server.wait_s = 1.0
        began = time.monotonic()
        with pytest.raises(TranscriptError, match=r"within 0\.2 s"):
            heard(Http(server.url, timeout_s=0.2))
        assert time.monotonic() - began < 0.9


def test_no_server_is_told() -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(TranscriptError, match="cannot be reached"):
        heard(Http(url))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"words": [{"word": "a"}]}',
        b'{"text": null}',
        b'{"words": [{"word": "a", "start": NaN, "end": 1}]}',
        b'{"words": [{"word": "a", "start": 0, "end": 1e999}]}',
        b'{"words": [{"word": "a", "start": -1, "end": 1}]}',
        b'{"words": [{"word": "a", "start": 0, "end": 1' + 400 * b"0" + b"}]}",
        b"[" * 100_000,
    ],
    ids=range(11),
)
def test_an_answer_of_another_kind_is_told(answer: bytes) -> None:
    with serving() as server:
        server.answer = answer
        with pytest.raises(TranscriptError, match="verbose_json"):
            heard(Http(server.url))


@pytest.mark.parametrize(
    "answer",
    [
        b"he hit me",
        b'{"words": [{"word": "he hit me"}]}',
        b'{"words": [{"word": "he", "start": "he hit me", "end": 1}]}',
    ],
)
def test_no_word_of_an_answer_gets_into_a_message(answer: bytes) -> None:
    with serving() as server:
        server.answer = answer
        came = f"{len(answer)} bytes of application/json"
        with pytest.raises(TranscriptError, match=came) as told:
            heard(Http(server.url))
    assert "hit" not in str(told.value)


def test_no_line_of_a_server_that_speaks_no_http_gets_into_a_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                while not connection.recv(65536).endswith(b"--\r\n"):
                    pass
                connection.sendall(b"he hit me\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(TranscriptError, match="BadStatusLine") as told:
            heard(Http(f"http://127.0.0.1:{listening.getsockname()[1]}/v1"))
        thread.join()
    assert "hit" not in str(told.value)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://host/v1", "http://"])
def test_wrong_urls_are_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="URL"):
        Http(url)


def test_a_timeout_of_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="above 0"):
        Http("http://127.0.0.1/v1", timeout_s=0.0)
