"""What holds on every page by a real browser: fields keep what is typed, shortcuts, and Retry."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

SLOWLY_MS = 350  # between two keys: longer than a field waits before it asks the service
OPTION_3 = """document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {
  key: "‹", code: "Digit3", altKey: true, shiftKey: true, bubbles: true, cancelable: true }))"""
RETRY = "document.querySelector('[data-retry]').click()"


def test_a_field_keeps_what_is_typed_while_the_page_is_drawn_anew(page: "Page") -> None:
    page.goto("/ui/")
    before = page.locator(".loaded")
    before.locator(".empty, table").first.wait_for()
    search = page.get_by_role("search", name="Filter").get_by_role("searchbox")
    search.press_sequentially("no such caller", delay=SLOWLY_MS)
    before.get_by_text("No call fits").wait_for()
    assert search.input_value() == "no such caller"


def test_a_rate_that_is_typed_is_what_stands_there(page: "Page") -> None:
    page.goto("/ui/triage")
    rate = page.get_by_label("Calls that are not genuine, %")
    assert rate.input_value() != "12.5"
    rate.press("Control+a")
    rate.press_sequentially("12.5", delay=SLOWLY_MS)
    page.wait_for_timeout(1000)
    assert rate.input_value() == "12.5"


def test_a_sweep_goes_by_the_days_that_are_saved_and_shown(page: "Page") -> None:
    page.goto("/ui/administration?part=retention")
    days = page.get_by_label("Recordings", exact=True)
    days.press("Control+a")
    days.press_sequentially("30-")
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Give whole days").wait_for()  # what is no number is not "for ever"
    days.fill("365")
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Sweep now").click()
    page.get_by_text("Save the days first").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("It holds from the next sweep on").wait_for()
    page.get_by_role("button", name="Sweep now").click()
    asked = page.get_by_role("dialog")
    asked.get_by_text("Recordings: 365 days").wait_for()
    asked.get_by_role("button", name="Sweep now").click()
    page.get_by_text("Gone: 0 recordings").wait_for()


def test_the_search_of_the_top_bar_says_what_was_looked_for(page: "Page") -> None:
    page.goto("/ui/search?q=kitchen")
    page.locator(".loaded .empty").first.wait_for()
    assert page.locator("[data-search]").input_value() == "kitchen"


def test_a_character_that_option_and_shift_write_is_no_shortcut(page: "Page") -> None:
    page.goto("/ui/")
    search = page.get_by_role("search", name="Filter").get_by_role("searchbox")
    search.focus()
    page.evaluate(OPTION_3)
    page.locator(".loaded .empty, .loaded table").first.wait_for()
    page.wait_for_timeout(500)
    assert page.url.endswith("/ui/")
    search.blur()
    page.keyboard.press("Alt+Shift+Digit3")
    page.wait_for_url("**/ui/recordings")


@pytest.mark.parametrize("status", [502, 503])
def test_retry_keeps_the_page_until_the_service_answers(page: "Page", status: int) -> None:
    page.goto("/ui/")
    page.locator(".loaded .empty, .loaded table").first.wait_for()
    page.evaluate("window.isTheSame = true")

    def refuse(route: "Route") -> None:
        route.fulfill(status=status, body="away")

    page.route("**/healthz", refuse)
    with page.expect_response("**/healthz"):
        page.evaluate(RETRY)
    page.wait_for_timeout(500)
    assert page.evaluate("window.isTheSame === true")
    page.unroute("**/healthz")
    with page.expect_navigation():
        page.evaluate(RETRY)
    assert page.evaluate("window.isTheSame === undefined")


def test_two_curves_are_told_apart_without_their_colour(page: "Page") -> None:
    page.goto("/ui/models")
    page.locator("polyline.curve-0").first.wait_for()
    # The shipped run spared nobody for validation, so it has one curve; a second is put beside it.
    page.evaluate("""() => ["polyline.curve-0", ".curve-sample.curve-0"].forEach((selector) => {
        const first = document.querySelector(selector), second = first.cloneNode(true);
        second.classList.replace("curve-0", "curve-1");
        first.after(second);
    })""")
    styles = """([selector, style]) => [0, 1].map((n) =>
        getComputedStyle(document.querySelector(selector + n))[style])"""
    assert page.evaluate(styles, ["polyline.curve-", "strokeDasharray"]) == ["none", "7px, 4px"]
    assert page.evaluate(styles, [".curve-sample.curve-", "borderTopStyle"]) == ["solid", "dashed"]
