"""Every page with real content, dark and light: accessible by axe-core, photographed on request."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import soundfile

from browser.calling import Calling, key_of
from browser.conftest import SAMPLE, WAIT_MS, Site
from browser.looking import check, photograph
from browser.seeding import seed, seed_takes, seed_weeks
from tonewatch.corpora.studio import Prompts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {1440: 900, 1024: 768, 390: 844}
# Of a telephone without SIM, which called before: enough to be flagged.
ORIGIN = {"number": "0150 555 0199", "sim": "none", "origin": "voip"}
CALLERS: tuple[tuple[str, str, float, tuple[str, ...], dict[str, str]], ...] = (
    ("Caller on line 1", "Hill Street 4", 0.0, ("caller",), {}),
    ("Caller on line 2", "Harbour, pier 2", 8.0, ("caller", "call_taker"), ORIGIN),
    ("Caller on line 3", "A8, exit Nord", 15.0, ("mixed",), {"state": "waiting"}),
    ("Caller on line 4", "unknown", 21.0, ("caller",), {}),
)
# Page, and what stands there once all of it is there.
PAGES = {
    "queue": ("/ui/queue", ".queue-table tbody tr:nth-child(4) .spark rect"),
    "calls": ("/ui/", ".live-calls tbody tr:nth-child(4) .spark rect"),
    "call": ("/ui/calls/{call}", "polygon.wave"),
    "microphone": ("/ui/microphone", ".microphone"),
    "recordings": ("/ui/recordings", ".recordings tbody tr:nth-child(3)"),
    "recording": ("/ui/recordings/{recording}", "polygon.wave"),
    "studio": ("/ui/studio", ".takes tbody tr"),
    "policy": ("/ui/triage", ".weights"),
    "drift": ("/ui/triage?part=drift", ".drift .histogram"),
    "models": ("/ui/models", "polyline.curve-0"),
    "users": ("/ui/administration?part=users", ".table tbody tr"),
    "keys": ("/ui/administration?part=keys", ".table tbody tr"),
    "retention": ("/ui/administration?part=retention", ".retention-row"),
    "audit": ("/ui/administration?part=audit", ".audit tbody tr"),
    "search": ("/ui/search?q=line", ".calls tbody tr"),
    "nothing": ("/ui/calls/none-such", ".problem"),
}
# Lists of people's work: no column of theirs is beyond the edge at any size.
FIT = ("queue", "calls", "recordings", "search")
CUT = """[...document.querySelectorAll('.table-scroll')].filter(
    (each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.ariaLabel).join()"""


@pytest.fixture(scope="module")
def content(
    site: Site,
    browser: "Browser",
    signed_in: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """Recordings, calls of before, and four calls that go on while the tests last."""
    folder = tmp_path_factory.mktemp("recordings")
    samples, rate_hz = soundfile.read(SAMPLE, dtype="int16")
    files = []
    for name, begin_s, end_s in (("door", 0, 11), ("lost key", 10, 26), ("whole call", 0, 30)):
        files.append(folder / f"{name}.wav")
        soundfile.write(files[-1], samples[begin_s * rate_hz : end_s * rate_hz], rate_hz)
    cookies = {each["name"]: each["value"] for each in signed_in["cookies"]}
    key = key_of(site.url, cookies)
    page = browser.new_page(base_url=site.url, storage_state=signed_in)
    page.set_default_timeout(WAIT_MS)
    page.goto("/ui/recordings")
    page.locator("input[type=file]").set_input_files(files)
    for name in ("whole call.wav", "lost key.wav"):
        page.get_by_role("button", name=f"Detect emotions in {name}").click()
        page.get_by_text(f"“{name}” is heard.").wait_for()
    address = page.get_by_role("link", name="whole call.wav").get_attribute("href") or ""
    page.close()
    metadata = {"caller": "Caller of before", "notice": "given"} | ORIGIN
    with Calling(site.url, key, metadata) as before:
        pass
    seed(site.data, before.call_id)
    seed_weeks(site.data)
    seed_takes(site.data, Prompts(), speakers=2)
    with ExitStack() as stack:
        for name, place, from_s, channels, more in CALLERS:
            metadata = {"caller": name, "place": place, "notice": "given"} | more
            stack.enter_context(Calling(site.url, key, metadata, from_s, channels))
        yield {"recording": address.rpartition("/")[2], "call": before.call_id}


@pytest.fixture(params=["dark", "light"])
def themed(request: pytest.FixtureRequest, page: "Page", site: Site) -> tuple["Page", str]:
    theme: str = request.param
    cookies = {"tonewatch_theme": theme, "tonewatch_alert": "medium"}
    page.context.add_cookies(
        [{"name": key, "value": value, "url": site.url} for key, value in cookies.items()]
    )
    return page, theme


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_every_size(
    name: str, themed: tuple["Page", str], content: dict[str, str]
) -> None:
    page, theme = themed
    address, there = PAGES[name]
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address.format(**content))
    page.locator(there).first.wait_for()
    if name in ("queue", "calls"):
        page.wait_for_function("document.querySelectorAll('.spark rect').length >= 20")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    check(page)
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(beyond) <= 0, f"{name} is wider than {width}"
        if name in FIT:
            assert not page.evaluate(CUT), f"a table of {name} is cut at {width}"
        photograph(page, name, theme, width)
    if theme == "dark":  # the layout of the telephone, which is the last; colours are the same
        check(page)


def test_turning_a_page_keeps_the_keyboard_where_it_was(
    page: "Page", content: dict[str, str]
) -> None:
    page.goto("/ui/")
    pages = page.get_by_role("navigation", name="Pages of the list")
    focused = "(name) => document.activeElement.textContent.trim() === name"
    last = int(pages.locator(".number").inner_text().split()[-1])
    assert last > 2
    for number in range(2, last + 1):
        pages.get_by_role("button", name="Next").press("Enter")
        pages.get_by_text(f"{number} of {last}").wait_for()
        page.wait_for_function(focused, arg="Next" if number < last else "Back")


def test_signing_in_is_accessible(site: Site, browser: "Browser") -> None:
    for theme in ("dark", "light"):
        context = browser.new_context(base_url=site.url)
        context.add_cookies([{"name": "tonewatch_theme", "value": theme, "url": site.url}])
        page = context.new_page()
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto("/ui/signin")
        page.get_by_label("Password").wait_for(timeout=WAIT_MS)
        check(page)
        photograph(page, "sign-in", theme, 1440)
        context.close()
