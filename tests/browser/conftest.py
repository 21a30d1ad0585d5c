"""A service that really runs, and a Chromium without a window that visits it; of each file its own.

Playwright keeps an event loop running in its thread, with which no other test could have one: it
ends with its file.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install 'tonewatch[dev]'"
)

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "samples" / "sample_call.ogg"
PASSWORD = "correct horse battery"
WAIT_MS = int(os.environ.get("TONEWATCH_TEST_WAIT_MS", "240000"))  # slow is not wrong
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def chromium() -> str:
    """The browser's path; skips where there is none."""
    found = os.environ.get("TONEWATCH_TEST_CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip("no chromium on this machine; set TONEWATCH_TEST_CHROMIUM to its path")
    return found


@dataclass
class Site:
    """A running service."""

    url: str
    setup_link: str
    data: Path
    lines: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`tonewatch serve` in a process of its own, with data of its own."""
    chromium()
    home = tmp_path_factory.mktemp("site")
    with serving(home / "data", TONEWATCH_TRANSCRIBE="off") as running:
        yield running


class serving:
    """Runs the service while the block lasts; it is told to stop at its end."""

    def __init__(self, data: Path, **environment: str) -> None:
        self._data = data
        self._environment = environment

    def __enter__(self) -> Site:
        settings = {"TONEWATCH_DATA_DIR": str(self._data), "TONEWATCH_PORT": "0"}
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "PYTHONPATH") if key in os.environ}
        settings |= {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self._log = self._data.parent / "serve.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tonewatch", "serve"],
                env=kept | settings | self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        lines: Queue[str] = Queue()
        assert self._process.stdout is not None
        reader = threading.Thread(target=_read, args=(self._process.stdout, lines), daemon=True)
        reader.start()
        told: list[str] = []
        url = link = ""
        while not (url and link):
            try:
                told.append(lines.get(timeout=600))
            except Empty:
                self._process.kill()
                said = self._log.read_text(errors="replace")
                raise AssertionError(f"the service did not start: {told}\n{said}") from None
            url = url or _found(r"listens on (\S+)", told[-1])
            link = link or _found(r"(\S+/ui/password\?token=\S+)", told[-1])
        return Site(url, link, self._data)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(240)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError("the service did not stop within 240 s of SIGTERM") from None
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()


def _read(stream: object, lines: "Queue[str]") -> None:
    for line in stream:  # type: ignore[attr-defined]
        lines.put(line)


def _found(pattern: str, line: str) -> str:
    found = re.search(pattern, line)
    return found[1] if found else ""


@pytest.fixture(scope="session")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample call as a WAV, which Chromium's fake microphone reads."""
    import soundfile

    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    samples, rate_hz = soundfile.read(SAMPLE, dtype="int16")
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def browser(voice: Path) -> Iterator["Browser"]:
    flags = [*_FLAGS, f"--use-file-for-fake-audio-capture={voice}"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(site: Site, browser: "Browser") -> Any:
    """The cookies of the administrator, who set a password by the one-time link."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.setup_link)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Set it and sign in").click()
    page.get_by_role("heading", name="Calls now").wait_for(timeout=WAIT_MS)
    state: Any = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(site: Site, browser: "Browser", signed_in: Any) -> Iterator["Page"]:
    """A page of the administrator; an error in its script fails the test."""
    context = browser.new_context(
        storage_state=signed_in, base_url=site.url, permissions=["microphone"], locale="en-GB"
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    yield page
    context.close()
    assert not errors, errors
