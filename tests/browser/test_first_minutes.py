"""A stranger's first minutes: sign in, upload, detect, listen, delete, undo, by a real browser."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from browser.conftest import SAMPLE, WAIT_MS, Site
from browser.looking import photograph

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAME = "sample_call.ogg"


@pytest.fixture
def uploaded(page: "Page") -> "Page":
    """The page of recordings, with the sample among them."""
    page.goto("/ui/recordings")
    page.get_by_role("heading", name="Recordings").wait_for()
    page.locator(".loaded .empty, .loaded .recordings").first.wait_for()
    if page.get_by_role("link", name=NAME).count() == 0:
        page.locator("input[type=file]").set_input_files(SAMPLE)
    page.get_by_role("link", name=NAME).first.wait_for()
    return page


def test_a_wrong_password_is_told_and_stays_out(site: Site, browser: "Browser") -> None:
    page = browser.new_page(base_url=site.url)
    page.set_default_timeout(WAIT_MS)
    page.goto("/")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("not this one at all")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("do not fit together").wait_for()
    assert "/ui/signin" in page.url
    page.close()


def test_sign_in_leads_back_to_the_page_that_was_asked_for(
    site: Site, browser: "Browser", signed_in: object
) -> None:
    page = browser.new_page(base_url=site.url)
    page.set_default_timeout(WAIT_MS)
    page.goto("/ui/models")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("correct horse battery")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Models").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto("/ui/models")
    page.get_by_role("heading", name="Sign in").wait_for()
    page.close()


def test_a_recording_from_upload_to_undo(uploaded: "Page") -> None:
    page = uploaded
    page.get_by_role("button", name=f"Detect emotions in {NAME}").click()
    page.get_by_text(f"“{NAME}” is heard.").wait_for()

    page.get_by_role("link", name=NAME).click()
    page.get_by_role("slider").wait_for()
    page.wait_for_function("document.querySelectorAll('polygon.wave').length === 1")
    played = page.request.get("/api/v1/audit?action=recording.played").json()
    assert played["total"] == 0, "opening a page is not hearing"
    page.get_by_role("link", name="All recordings").click()

    page.get_by_role("button", name=f"Listen to {NAME}").click()
    page.get_by_label(f"Player of {NAME}").wait_for()
    page.wait_for_function("document.querySelector('audio').currentTime > 0.2")

    page.get_by_role("link", name=NAME).click()
    page.get_by_role("slider").wait_for()
    page.wait_for_function("document.querySelectorAll('polygon.area').length >= 8")
    page.wait_for_function("document.querySelectorAll('polygon.wave').length === 1")
    page.get_by_role("button", name="Go to 0:05").click()
    page.wait_for_function("Math.abs(document.querySelector('audio').currentTime - 5) < 0.2")
    page.get_by_role("slider").press("ArrowRight")
    page.wait_for_function("Math.abs(document.querySelector('audio').currentTime - 6) < 0.2")
    page.get_by_role("slider").press(" ")
    page.wait_for_function("document.querySelector('audio').currentTime > 6.3")
    # The line on the axis goes along with what is heard.
    page.wait_for_function("""() => {
        const { currentTime, duration } = document.querySelector('audio');
        const { left } = document.querySelector('.playhead').style;
        const { width } = document.querySelector('.chart-inside').style;
        return Math.abs(parseFloat(left) / parseFloat(width) - currentTime / duration) < 0.02;
    }""")
    page.get_by_role("button", name="Pause").click()

    page.get_by_role("link", name="All recordings").click()
    page.get_by_role("button", name=f"Delete {NAME}").click()
    page.get_by_text(re.compile("is deleted")).wait_for()
    page.get_by_text("No recordings yet").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name=NAME).wait_for()
    assert page.get_by_role("button", name="Undo").count() == 0

    page.get_by_label("Part of the name").or_(page.get_by_placeholder("Part of the name")).fill(
        "x9"
    )
    page.get_by_text("No recording fits").wait_for()
    page.get_by_placeholder("Part of the name").fill("SAMPLE")
    page.get_by_role("link", name=NAME).wait_for()


def test_hearing_shows_how_far_it_is_and_can_be_cancelled(page: "Page", tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(SAMPLE, dtype="int16")
    soundfile.write(tmp_path / "long.flac", np.tile(samples, 60), rate_hz)
    page.goto("/ui/recordings")
    page.locator(".loaded .empty, .loaded .recordings").first.wait_for()
    page.locator("input[type=file]").set_input_files(tmp_path / "long.flac")
    page.get_by_role("button", name="Detect emotions in long.flac").click()
    page.get_by_role("progressbar", name="How far “long.flac” is heard").wait_for()
    page.wait_for_function("document.querySelector('.busy progress').value > 0")
    page.get_by_role("button", name="Cancel hearing long.flac").click()
    page.get_by_text("Cancelled: “long.flac” stays as it was.").wait_for()
    row = page.get_by_role("row", name="long.flac")
    assert "not heard yet" in row.inner_text()
    page.get_by_role("button", name="Delete long.flac").click()
    row.wait_for(state="detached")


def test_what_is_no_audio_is_refused_with_the_reason(page: "Page") -> None:
    page.goto("/ui/recordings")
    page.locator("input[type=file]").set_input_files(
        {"name": "letter.wav", "mimeType": "audio/wav", "buffer": b"Dear all, this is a letter."}
    )
    row = page.locator(".upload-files .failed")
    row.wait_for()
    assert "letter.wav" in row.inner_text()
    assert "no audio in a known format" in row.inner_text()
    assert page.get_by_role("link", name="letter.wav").count() == 0


def test_search_finds_recordings(uploaded: "Page") -> None:
    page = uploaded
    page.keyboard.press("Control+k")
    page.keyboard.type("sample")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Search: sample").wait_for()
    page.get_by_role("link", name=NAME).wait_for()


def test_german_is_complete_on_the_page(page: "Page") -> None:
    page.goto("/ui/recordings")
    page.get_by_role("button", name="Deutsch").click()
    page.get_by_role("heading", name="Aufnahmen").wait_for()
    assert page.evaluate("document.documentElement.lang") == "de"
    assert page.get_by_text("Dateien auswählen").is_visible()


def test_an_administrator_makes_a_user_who_sees_only_what_they_may(
    page: "Page", site: Site, browser: "Browser"
) -> None:
    page.goto("/ui/administration?part=users")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Role", exact=True).select_option("researcher")
    page.get_by_role("button", name="Add user").click()
    link = page.get_by_label("Link for ada to set a password, once").input_value()
    assert link.startswith(f"{site.url}/ui/password?token=")
    other = browser.new_page(base_url=site.url)
    other.set_default_timeout(WAIT_MS)
    other.goto(link)
    other.get_by_label("New password").fill("too short")
    other.get_by_role("button", name="Set it and sign in").click()
    other.get_by_role("alert").get_by_text("At least 12").wait_for()
    other.get_by_label("New password").fill("a long enough one")
    other.get_by_role("button", name="Set it and sign in").click()
    other.get_by_role("heading", name="Calls now").wait_for()
    assert other.get_by_role("link", name="Administration").count() == 0
    other.goto("/ui/administration")
    other.get_by_text("not for your role").wait_for()
    other.goto("/ui/microphone")
    other.get_by_text("not for your role").wait_for()
    other.goto("/ui/studio")
    other.get_by_role("heading", name="Studio").wait_for()
    assert other.get_by_text("not for your role").count() == 0
    page.goto("/ui/administration?part=users")
    page.get_by_label("Role of ada").select_option("call_taker")
    other.get_by_text("not for your role").wait_for()  # though nobody reloads the page
    page.get_by_role("button", name="Lock out: ada").click()
    page.get_by_role("dialog").get_by_role("button", name="Lock out").click()
    other.get_by_role("button", name="Sign in").wait_for()
    other.close()


def test_the_audit_is_verified_and_tells_what_was_shown(uploaded: "Page") -> None:
    page = uploaded
    page.goto("/ui/administration?part=audit")
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("Whole:").wait_for()
    page.get_by_placeholder("result.shown").fill("recording.added")
    page.get_by_role("cell", name="recording.added").first.wait_for()


def test_the_model_is_switched_off_and_on(uploaded: "Page") -> None:
    page = uploaded
    page.get_by_role("switch", name="Model on").click()
    page.get_by_role("switch", name="Model off").wait_for()
    page.get_by_role("button", name=f"Detect emotions in {NAME}").click()
    page.get_by_text("The model is off. Switch it on").wait_for()
    page.get_by_role("switch", name="Model off").click()
    page.get_by_role("switch", name="Model on").wait_for()


def test_a_lost_connection_is_told_and_the_page_stays(uploaded: "Page") -> None:
    page = uploaded
    page.evaluate("window.socket.io.opts.reconnection = false; window.socket.disconnect()")
    page.get_by_text("No connection to the service.").wait_for()
    page.get_by_text(re.compile(r"Last update \d+:\d\d ago")).wait_for()
    page.set_viewport_size({"width": 1440, "height": 900})
    photograph(page, "offline", "dark", 1440)
    assert page.get_by_role("link", name=NAME).is_visible()
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("No connection to the service.").wait_for(state="hidden")


def test_two_deletions_have_an_undo_each_and_the_keyboard_stays(
    uploaded: "Page", tmp_path: Path
) -> None:
    page = uploaded
    samples, rate_hz = soundfile.read(SAMPLE, dtype="int16")
    second = tmp_path / "second.wav"
    soundfile.write(second, samples[: 5 * rate_hz], rate_hz)
    page.goto("/ui/recordings")
    page.locator("input[type=file]").set_input_files(second)
    page.get_by_role("link", name="second.wav").wait_for()
    page.get_by_role("button", name="Delete second.wav").press("Enter")
    page.get_by_text("“second.wav” is deleted").wait_for()
    page.wait_for_function("document.activeElement.closest('.loaded') !== null")
    page.get_by_role("button", name=f"Delete {NAME}").press("Enter")
    page.get_by_text(f"“{NAME}” is deleted").wait_for()
    for name in ("second.wav", NAME):
        undo = page.locator(".undo").filter(has_text=name)
        undo.get_by_role("button", name="Undo").click()
        undo.wait_for(state="detached")
        page.get_by_role("link", name=name).wait_for()
