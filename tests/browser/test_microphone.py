"""The microphone as a live call: the fake microphone of Chromium plays the sample."""

from typing import TYPE_CHECKING

from browser.conftest import WAIT_MS

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_a_call_by_the_microphone_is_seen_live_and_kept(page: "Page") -> None:
    page.goto("/ui/microphone")
    start = page.get_by_role("button", name="Start")
    start.wait_for()
    assert start.is_disabled(), "nothing starts before consent"
    page.get_by_label("I have read this").check()
    start.click()
    page.get_by_role("button", name="Stop").wait_for()

    # The same call on another page, live.
    other = page.context.new_page()
    other.set_default_timeout(WAIT_MS)
    other.goto("/ui/")
    other.get_by_role("link", name="admin", exact=True).first.wait_for()
    other.wait_for_function("document.querySelectorAll('.spark rect').length > 3")
    other.get_by_role("table", name="Live calls").get_by_role("link", name="admin").click()
    other.get_by_role("slider").wait_for()
    other.wait_for_function("document.querySelectorAll('polygon.area').length >= 8")
    rows = "document.querySelectorAll('.windows tbody tr').length"
    before = other.evaluate(rows)
    other.wait_for_function(f"{rows} > {before}")

    page.wait_for_function("document.querySelectorAll('polygon.area').length >= 8")
    level = page.get_by_role("meter")
    page.wait_for_function(
        "Number(document.querySelector('[role=meter]').getAttribute('aria-valuenow')) > 1"
    )
    assert level.is_visible()
    other.get_by_label("New note").fill("A test of the microphone.")  # written while it lives
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("The call is kept.").wait_for()

    # On the other page it becomes a call of the past, with its audio, by itself.
    other.get_by_text("finished").wait_for()
    other.get_by_role("button", name="Play").wait_for()
    other.wait_for_function("document.querySelectorAll('polygon.wave').length === 1")
    assert other.get_by_label("New note").input_value() == "A test of the microphone."
    other.get_by_role("button", name="Add note").click()
    other.locator(".note-text", has_text="A test of the microphone.").wait_for()
    other.get_by_label("Reason").fill("She sounds afraid.")
    other.wait_for_timeout(500)
    other.keyboard.press("Alt+Shift+KeyG")
    other.locator(".entries strong", has_text="Genuine").wait_for()
    with other.expect_download() as download:
        other.get_by_role("link", name="Export").click()
    assert download.value.suggested_filename.endswith(".zip")
    other.close()
