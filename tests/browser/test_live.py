"""Live pages under load: an axis that can be scrolled back, and a hundred calls at a time."""

from typing import TYPE_CHECKING, Any

from browser.calling import Calling, key_of
from browser.conftest import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

N_CALLS = 100
# The part that draws the rows, in the page.
PART = "getElement(Number(document.querySelector('{}').closest('[id^=c]').id.slice(1)))"


def test_a_live_call_waits_where_somebody_looks_and_goes_back_to_live(
    page: "Page", site: Site, signed_in: Any
) -> None:
    key = key_of(site.url, {each["name"]: each["value"] for each in signed_in["cookies"]})
    with Calling(site.url, key, {"caller": "Scrolled"}) as call:
        page.goto(f"/ui/calls/{call.call_id}")
        page.wait_for_function("document.querySelectorAll('polygon.area').length >= 8")
        slider = page.get_by_role("slider")
        slider.press("Home")
        back = page.get_by_role("button", name="Back to live")
        back.wait_for()
        rows = "document.querySelectorAll('.windows tbody tr').length"
        page.wait_for_function(f"{rows} > {page.evaluate(rows)}")
        assert slider.get_attribute("aria-valuenow") == "0", "nothing moves under who looks back"
        back.click()
        back.wait_for(state="detached")
        assert slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")


def test_a_call_that_ends_is_listed_as_ended(page: "Page", site: Site, signed_in: Any) -> None:
    key = key_of(site.url, {each["name"]: each["value"] for each in signed_in["cookies"]})
    page.goto("/ui/")
    listed = page.locator(".calls tbody tr").filter(has_text="Listed")
    with Calling(site.url, key, {"caller": "Listed"}):
        listed.get_by_text("live").wait_for()
    listed.get_by_text("ended").wait_for()


def test_of_a_hundred_rows_only_those_that_change_are_drawn_anew(page: "Page") -> None:
    for address, table in (("/ui/", ".live-calls"), ("/ui/queue", ".queue-table")):
        page.goto(address)
        page.locator(table).wait_for(state="attached")
        part = PART.format(table)
        page.evaluate(f"(rows) => {part}.take(rows, [])", [_row(n) for n in range(N_CALLS)])
        page.wait_for_function(f"document.querySelectorAll('{table} tbody tr').length >= {N_CALLS}")
        changed = page.evaluate(
            """async ([table, row]) => {
                const drawn = new Set();
                const watch = new MutationObserver((seen) => {
                    for (const each of seen) {
                        const { target } = each;
                        const at = target.nodeType === 1 ? target : target.parentElement;
                        drawn.add(at?.closest('tr')?.querySelector('.name')?.textContent);
                    }
                });
                const body = document.querySelector(`${table} tbody`);
                const all = { subtree: true, childList: true, characterData: true };
                watch.observe(body, { ...all, attributes: true });
                clearInterval(PART.ticking); // the seconds of every row go on
                PART.take([row], []);
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)));
                watch.disconnect();
                return [...drawn];
            }""".replace("PART", part),
            [table, _row(7) | {"heard": 61.0}],
        )
        assert changed == ["Caller 7"]


def test_an_alert_says_what_was_so_when_it_was_raised(page: "Page") -> None:
    page.goto("/ui/queue")
    page.locator(".queue").wait_for()
    page.get_by_label("Alert from").select_option("medium")
    part = PART.format(".queue")

    def told(**now: Any) -> list[str]:
        page.evaluate(f"(row) => {part}.take([row], [])", _row(1) | now)
        page.wait_for_timeout(100)
        return page.get_by_role("alert").locator("li a + span").all_inner_texts()

    assert told(band="medium", word="Medium", reason="shouting") == ["Medium: shouting"]
    assert told(band="medium", word="Medium", reason="shouting, fear") == ["Medium: shouting"]
    assert page.locator(".cell-why").first.inner_text() == "shouting, fear"
    assert told(band="high", word="High", reason="fire") == ["High: fire"], "a rise is told anew"
    waits = page.locator(".cell-name .number").first
    minute, second = map(int, waits.inner_text().split(":"))
    assert minute >= 1
    waits.get_by_text(f"{minute}:{second + 2:02}").wait_for()  # goes on while nothing is sent
    page.get_by_role("button", name="Seen: Caller 1").click()
    assert told(band="high", word="High", reason="fire") == []
    page.goto("/ui/")
    page.goto("/ui/queue")
    page.locator(".queue").wait_for()
    assert told(band="high", word="High", reason="fire") == [], "on no later visit either"


def _row(n: int) -> dict[str, Any]:
    windows = [[0, k, k + 3, "sad" if k % 3 else "calm", 0.5, k % 2 == 0] for k in range(57)]
    row: dict[str, Any] = {"id": f"c{n}", "address": "#", "name": f"Caller {n}", "place": "here"}
    row |= {
        "roles": "caller",
        "started": n,
        "age": 60.0,
        "heard": 60.0,
        "windows": windows,
        "warnings": [],
    }
    row |= {"dropped": 0, "state": "live", "tail": "", "band": "low", "word": "Low", "value": 0.1}
    return row | {"reason": "a reason", "check": None}
