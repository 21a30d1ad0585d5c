"""Why a window was heard so: asked for on a recording's page, and on that of a call with audio."""

from typing import TYPE_CHECKING, Any

from browser.calling import Calling, key_of
from browser.conftest import SAMPLE, Site
from browser.looking import check, photograph

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_why_is_drawn_for_the_chosen_window_of_a_recording(page: "Page") -> None:
    page.goto("/ui/recordings")
    page.locator(".loaded .empty, .loaded .recordings").first.wait_for()
    page.locator("input[type=file]").set_input_files(
        {"name": "why.ogg", "mimeType": "audio/ogg", "buffer": SAMPLE.read_bytes()}
    )
    page.get_by_role("button", name="Detect emotions in why.ogg").click()
    page.get_by_text("“why.ogg” is heard.").wait_for()
    page.get_by_role("link", name="why.ogg").click()
    page.get_by_role("button", name="Go to 0:05").click()
    assert page.locator(".why img").count() == 0, "nothing is explained before somebody asks"
    why = page.get_by_role("region", name="Why this answer")
    begin, _, end = page.locator("tr.current button").inner_text().partition("–")
    why.get_by_role("button", name=f"Why, {begin}–{end}?").click()
    _explained(page)
    why.get_by_role("heading", name=f"What the answer from {begin} to {end} rests on").wait_for()
    page.goto("/ui/administration?part=audit")
    page.get_by_role("cell", name="recording.explained").first.wait_for()


def test_why_is_drawn_on_the_page_of_a_call(page: "Page", site: Site, signed_in: Any) -> None:
    key = key_of(site.url, {each["name"]: each["value"] for each in signed_in["cookies"]})
    with Calling(site.url, key, {"caller": "Why"}) as call:
        page.goto(f"/ui/calls/{call.call_id}")
        page.wait_for_function("document.querySelectorAll('polygon.area').length >= 8")
        assert page.get_by_role("region", name="Why this answer").count() == 0, "no audio yet"
    page.get_by_role("button", name="Play").wait_for()
    page.get_by_role("slider").press("End")
    page.get_by_role("button", name="Why, 0:").click()
    _explained(page)


def _explained(page: "Page") -> None:
    picture = page.locator(".why img")
    picture.wait_for()
    assert picture.evaluate("async (image) => { await image.decode(); return image.width }") > 300
    told = picture.get_attribute("alt") or ""
    assert "Heard in this window is most likely" in told
    assert "Hz" in told or "No single cell" in told
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.set_viewport_size({"width": 1440, "height": 900})
        check(page)
        picture.scroll_into_view_if_needed()
        photograph(page, "why", theme, 1440)
    page.get_by_text("It does not show why somebody sounds so").wait_for()
