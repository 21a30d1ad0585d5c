"""docs/start.md, walked as a stranger would: each step in a fresh service, with its picture."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from browser.conftest import PASSWORD, SAMPLE, WAIT_MS, Site
from browser.looking import check, keep, photograph

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAME = SAMPLE.name
AREAS = "document.querySelectorAll('polygon.area').length >= 8"


def test_the_report_of_the_sample_can_be_read(browser: "Browser", tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    command = [sys.executable, "-m", "tonewatch", "analyze", str(SAMPLE), "--html", str(report)]
    subprocess.run(command, check=True, capture_output=True)
    page = browser.new_page(viewport={"width": 1200, "height": 800}, color_scheme="light")
    page.goto(report.as_uri())
    page.locator("polygon").first.wait_for()
    check(page)
    keep(page, "report")
    page.close()


def test_the_first_five_minutes_go_as_they_are_told(site: Site, browser: "Browser") -> None:
    context = browser.new_context(
        base_url=site.url,
        permissions=["microphone"],
        locale="en-GB",
        viewport={"width": 1440, "height": 900},
    )
    context.set_default_timeout(WAIT_MS)
    context.add_cookies([{"name": "tonewatch_theme", "value": "light", "url": site.url}])
    page = context.new_page()

    page.goto(site.setup_link)
    page.get_by_label("New password").fill(PASSWORD)
    photograph(page, "start-password", "light", 1440)
    page.get_by_role("button", name="Set it and sign in").click()
    page.get_by_role("heading", name="Calls now").wait_for()
    page.get_by_text("No call is being heard").wait_for()
    page.get_by_text("No calls yet").wait_for()
    photograph(page, "start-calls", "light", 1440)

    page.get_by_role("link", name="Recordings", exact=True).click()
    page.get_by_text("No recordings yet").wait_for()
    page.locator("input[type=file]").set_input_files(SAMPLE)
    page.get_by_role("button", name=f"Detect emotions in {NAME}").click()
    page.get_by_text(f"“{NAME}” is heard.").wait_for()
    page.get_by_role("link", name=NAME).click()
    page.locator("polygon.wave").wait_for()
    page.wait_for_function(AREAS)
    page.get_by_role("button", name="Go to 0:15").click()
    photograph(page, "start-recording", "light", 1440)

    page.get_by_role("link", name="Microphone", exact=True).click()
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("document.querySelectorAll('.windows tbody tr').length >= 20")
    queue = context.new_page()
    queue.goto("/ui/queue")
    queue.locator(".queue-table .band:not(.none)").wait_for()
    queue.locator(".queue-table .spark rect").first.wait_for()
    photograph(queue, "start-queue", "light", 1440)
    photograph(page, "start-microphone", "light", 1440)
    queue.get_by_role("link", name="admin", exact=True).click()
    queue.get_by_role("region", name="Urgency of this call").get_by_text("Sum").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("The call is kept.").wait_for()

    page.get_by_role("link", name="Recordings", exact=True).click()
    page.get_by_role("button", name=f"Delete {NAME}").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name=NAME).wait_for()
    context.close()
