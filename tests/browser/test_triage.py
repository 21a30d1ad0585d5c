"""Triage by a real browser: queue, meters, decisions, rules, what is learnt, and drift."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from browser.calling import Calling, key_of
from browser.conftest import Site
from browser.seeding import SAID, seed, seed_weeks
from tonewatch.triage.policy import shipped

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SHIPPED = shipped().version
ORIGIN = {"number": "0150 555 0123", "sim": "none", "origin": "voip"}
# The part that draws the queue, in the page.
QUEUE = "getElement(Number(document.querySelector('.queue').closest('[id^=c]').id.slice(1)))"


@pytest.fixture(scope="module")
def past(site: Site, signed_in: Any) -> str:
    """A call of before with words and assessments, and weeks of decisions."""
    with Calling(site.url, _key(site, signed_in), {"caller": "Past", **ORIGIN}) as call:
        pass
    seed(site.data, call.call_id)
    seed_weeks(site.data)
    return call.call_id


@pytest.fixture
def rules(page: "Page", past: str) -> Iterator["Page"]:
    """The page of the rules; afterwards those that are shipped hold again."""
    page.goto("/ui/triage")
    page.get_by_label("Flag from, %").wait_for()
    yield page
    page.goto("/ui/triage")
    page.get_by_label("Flag from, %").wait_for()
    if page.get_by_role("button", name="Switch assessing on").count():
        page.get_by_role("button", name="Switch assessing on").click()
        page.get_by_role("dialog").get_by_role("button", name="Switch assessing on").click()
        page.get_by_role("button", name="Switch assessing off").wait_for()
    restore = page.get_by_role("button", name=f"Restore {SHIPPED}", exact=True)
    if restore.count():
        restore.first.click()
        page.get_by_role("dialog").get_by_role("button", name="Restore").click()
        page.get_by_text(f"“{SHIPPED}” is in force").wait_for()


def _key(site: Site, signed_in: Any) -> str:
    return key_of(site.url, {each["name"]: each["value"] for each in signed_in["cookies"]})


def test_live_calls_queue_with_reason_and_flag_and_alert(
    page: "Page", site: Site, signed_in: Any, past: str
) -> None:
    key = _key(site, signed_in)
    with (
        Calling(site.url, key, {"caller": "Plain", "state": "waiting"}) as plain,
        Calling(site.url, key, {"caller": "Again", **ORIGIN}, 8.0),
    ):
        page.goto("/ui/queue")
        rows = page.locator(".queue-table tbody tr")
        again, waiting = rows.filter(has_text="Again"), rows.filter(has_text="Plain")
        flag = again.locator(".flag")
        flag.wait_for()
        told = again.locator(".cell-check").inner_text()
        assert "Repeated number" in told or "No SIM" in told
        assert re.search(r"If 8 in 1000 calls .* of 1000 that look like this \d+ are not", told)
        assert waiting.locator(".flag").count() == 0
        assert "waiting" in waiting.inner_text()
        page.wait_for_function("document.querySelectorAll('.band.none').length === 0")
        assert waiting.locator(".cell-why").inner_text().strip()

        page.get_by_label("Alert from").select_option("medium")
        waiting.locator(".band.medium, .band.high").wait_for()
        alert = page.get_by_role("alert").locator("li", has_text="Plain")
        alert.wait_for()
        alert.get_by_role("button", name="Seen: Plain").click()
        alert.wait_for(state="detached")
        sound = page.get_by_role("switch", name="Sound")
        sound.click()
        page.reload()
        rows.first.wait_for()
        assert sound.get_attribute("aria-checked") == "false"
        assert page.get_by_label("Alert from").input_value() == "medium"
        waiting.get_by_role("link", name="Plain").click()
        page.get_by_role("meter", name="Urgency of this call").wait_for()
        page.wait_for_function("document.querySelectorAll('.urgency-line').length === 1")
        assert plain.call_id in page.url


def test_only_a_band_moves_a_row_and_never_under_the_pointer(page: "Page", past: str) -> None:
    page.goto("/ui/queue")
    page.get_by_text("No call waits").wait_for()
    names = "[...document.querySelectorAll('.queue-table .name')].map((each) => each.textContent)"

    def take(name: str, band: str, started: float, flagged: bool = False) -> None:
        row: dict[str, Any] = {
            "id": name,
            "name": name,
            "address": "#",
            "place": "",
            "state": "live",
        }
        row |= {"started": started, "age": 9, "heard": 9, "windows": [], "tail": "", "band": band}
        row |= {"word": band, "value": 0.5, "reason": "a reason", "check": None}
        if flagged:
            row["check"] = {"reason": "laughter", "worth": "little"}
        page.evaluate(f"(row) => {QUEUE}.take([row], [])", row)

    take("older", "medium", 1)
    take("newer", "medium", 2)
    take("minor", "low", 0)
    take("new", "", 3)
    assert page.evaluate(names) == ["older", "newer", "new", "minor"]
    take("older", "medium", 1, flagged=True)
    assert page.evaluate(names) == ["older", "newer", "new", "minor"], "a flag moves nothing"
    page.locator(".queue-table tbody tr").first.hover()
    take("minor", "high", 0)
    page.get_by_text("The order has changed").wait_for()
    assert page.evaluate(names) == ["older", "newer", "new", "minor"]
    assert page.get_by_role("alert").inner_text().count("minor") == 1
    page.mouse.move(0, 0)
    page.get_by_text("The order has changed").wait_for(state="detached")
    assert page.evaluate(names) == ["minor", "older", "newer", "new"]
    assert page.locator("tr.moved .name").all_inner_texts() == ["minor"]
    take("minor", "medium", 0)
    take("minor", "high", 0)
    assert page.get_by_role("alert").inner_text().count("minor") == 1, "told once"
    page.locator(".queue-table tbody tr").first.hover()
    page.evaluate(f"() => {QUEUE}.take([], ['older'])")
    page.locator("tr.over").get_by_text("ended").wait_for()
    assert page.evaluate(names) == ["minor", "older", "newer", "new"], "nothing moves up"
    page.mouse.move(0, 0)
    page.locator("tr.over").wait_for(state="detached")
    assert page.evaluate(names) == ["minor", "newer", "new"]
    page.locator(".queue-table tbody tr").first.hover()
    page.evaluate(f"() => {QUEUE}.take([], ['newer'])")
    page.locator("tr.over").wait_for()
    take("newer", "medium", 2)
    page.locator("tr.over").wait_for(state="detached")  # another process has the call again


def test_the_parts_of_a_score_add_up(page: "Page", past: str) -> None:
    page.goto(f"/ui/calls/{past}")
    for name in ("Urgency of this call", "Check this call?"):
        score = page.get_by_role("region", name=name)
        score.get_by_role("meter").wait_for()

        def add_up(score: "Locator") -> int:
            shown = [
                round(100 * float(text.replace("−", "-")))
                for text in score.locator(".step-add").all_inner_texts()
            ]
            assert sum(shown[:-1]) == shown[-1]
            return len(shown)

        few = add_up(score)
        assert few > 3
        fold = score.get_by_role("button", name="Show them")
        if fold.count():  # smaller parts are one row until somebody asks
            assert few == 6
            fold.click()
            assert add_up(score) > few
    told = page.locator(".state-now").inner_text()
    assert told.startswith("High urgency: ")
    assert "Check this call: " in told
    assert page.locator(".flag").inner_text().endswith("Check this call")
    assert "no verdict" in page.get_by_role("region", name="Check this call?").inner_text()


def test_what_was_said_is_marked_and_leads_to_its_time(page: "Page", past: str) -> None:
    page.goto(f"/ui/calls/{past}")
    said = page.get_by_role("region", name="What was said")
    marks = said.locator(".said mark.hit")
    marks.first.wait_for()
    for kind, word in (("emergency", "emergency"), ("abuse", "abuse"), ("offer", "offer or scam")):
        assert word in said.locator(f".said mark.{kind}").first.inner_text()
    assert "negated" in said.locator(".said mark.negated").first.inner_text()
    said.get_by_text("Not transcribed, 0:07 to 0:08").wait_for()
    spotted = said.get_by_role("listitem").filter(has_text="Spotted in the sound:")
    assert "heart attack" in spotted.locator("mark.hit.emergency").inner_text()
    lane = page.locator(".said-lane li")  # the same under its time, on the axis
    assert lane.count() >= len(SAID)
    lefts = [float(box["x"]) for box in (each.bounding_box() for each in lane.all()) if box]
    assert lefts == sorted(lefts)
    assert lefts[0] < lefts[-1]
    assert "not breathing" in lane.locator("mark.emergency").all_inner_texts()
    said.get_by_role("button", name="Go to 0:05").click()
    page.wait_for_function(
        "document.querySelector('[role=slider]').getAttribute('aria-valuenow') === '5'"
    )


def test_a_decision_against_what_is_shown_needs_a_reason(page: "Page", past: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"/ui/calls/{past}")
    genuine = page.get_by_role("button", name="Genuine")
    box = genuine.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900, "to decide, nobody has to scroll"
    assert genuine.get_attribute("aria-keyshortcuts") == "Alt+Shift+G"
    assert page.get_by_text("Alt+Shift and the letter").is_visible()
    genuine.click()
    page.get_by_text("say in a few words why").wait_for()
    assert page.get_by_label("Reason").evaluate("(field) => field === document.activeElement")
    page.get_by_label("Reason").fill("I know her voice.")
    page.wait_for_timeout(300)
    genuine.click()
    entries = page.locator(".entries li")
    entries.filter(has_text="I know her voice.").filter(has_text="Genuine").wait_for()
    band = page.locator(".score .band").inner_text()
    page.keyboard.press(f"Alt+Shift+Key{band[0]}")  # as is shown: no reason is asked for
    entries.filter(has=page.get_by_text(band, exact=True)).wait_for()
    page.goto("/ui/administration?part=audit")
    page.get_by_placeholder("call:… or recording:…").fill(f"call:{past}")
    page.get_by_role("cell", name="call.decided").first.wait_for()
    page.get_by_role("cell", name="result.shown").first.wait_for()


def test_a_double_click_is_one_wish_and_a_hold_leaves_what_is_typed(
    page: "Page", past: str
) -> None:
    page.goto(f"/ui/calls/{past}")
    note, notes = page.get_by_label("New note"), page.locator(".note-text")
    note.fill("She called again.")
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Add note").dblclick()
    notes.get_by_text("She called again.").wait_for()
    note.fill("Half a sen")
    page.get_by_role("button", name="Put under legal hold").press("Enter")
    again = page.get_by_role("button", name="End legal hold")
    again.wait_for()
    assert notes.count() == 1
    assert note.input_value() == "Half a sen"
    page.wait_for_function("document.activeElement.closest('.page-head') !== null")
    again.click()
    page.get_by_role("button", name="Put under legal hold").wait_for()


def test_rules_are_changed_with_a_preview_and_restored(rules: "Page") -> None:
    page = rules
    implied = page.locator(".implied")
    assert "3.9%" in implied.inner_text()
    page.get_by_label("Calls that are not genuine, %").fill("10")
    implied.get_by_text("37%").wait_for()
    page.get_by_label("Medium from, %").fill("90")
    implied.get_by_text("These rules do not hold").wait_for()
    page.get_by_label("Name of the new version").fill("ours-1")
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Put in force").click()
    page.get_by_text("These rules do not hold").nth(1).wait_for()
    page.get_by_label("Medium from, %").fill("35")
    implied.get_by_text("37%").wait_for()
    page.get_by_role("button", name="Put in force").click()
    page.get_by_text("“ours-1” is in force").wait_for()
    newest = page.locator(".versions li").first
    newest.get_by_text("ours-1").wait_for()
    newest.get_by_text("0.77 → 10").wait_for()
    assert "user:" in newest.inner_text() or "admin" in newest.inner_text()


def test_assessing_is_switched_off_after_a_question(rules: "Page", past: str) -> None:
    page = rules
    page.get_by_role("button", name="Switch assessing off").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.get_by_role("button", name="Switch assessing off").is_visible()
    page.get_by_role("button", name="Switch assessing off").click()
    page.get_by_role("dialog").get_by_role("button", name="Switch assessing off").click()
    page.get_by_role("button", name="Switch assessing on").wait_for()
    page.goto("/ui/queue")
    page.get_by_text("Calls are not assessed").wait_for()
    page.goto(f"/ui/calls/{past}")
    page.get_by_text("Not assessed").wait_for()
    assert page.get_by_role("meter").count() == 0


def test_what_is_learnt_holds_only_once_it_is_accepted(rules: "Page") -> None:
    page = rules
    page.get_by_role("button", name="Make a proposal for urgency").click()
    table = page.get_by_role("table", name="Learning from decisions")
    table.wait_for()
    told = table.inner_text()
    assert "in force" in told
    assert re.search(r"\d+% \d+%–\d+%, n=\d+", told), told
    version = page.locator(".facts dd").first
    assert version.inner_text() == SHIPPED
    page.get_by_role("button", name="Accept").click()
    page.get_by_role("dialog").get_by_role("button", name="Accept").click()
    page.get_by_text(re.compile("“learnt-urgency-.*” is in force")).wait_for()
    page.locator(".facts dd", has_text="learnt-urgency-").wait_for()


def test_drift_tells_each_week_and_how_often_people_overrode(page: "Page", past: str) -> None:
    page.goto("/ui/triage?part=drift")
    rows = page.locator(".drift tbody tr")
    rows.first.wait_for()
    assert rows.count() >= 6
    assert rows.nth(2).locator(".histogram").count() == 3
    assert re.search(r"\d+% \d+ of 24, \d+%–\d+%", rows.nth(2).inner_text())
    chart = page.get_by_role("img", name="Unsure and overridden, by week")
    assert chart.locator("circle").count() >= 12
