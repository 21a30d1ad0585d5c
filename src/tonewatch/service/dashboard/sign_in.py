"""Signing in, and the page of a one-time link; who may come in is `rest.session`'s business."""

from nicegui import ui

from tonewatch.service.auth.passwords import MIN_LENGTH
from tonewatch.service.dashboard.components import SignInForm
from tonewatch.service.dashboard.frame import head
from tonewatch.service.dashboard.mount import PATH, STATIC
from tonewatch.service.dashboard.parts import tag
from tonewatch.service.dashboard.texts import LANGUAGES
from tonewatch.service.dashboard.visit import Visit


def build(visit: Visit, next_page: str = "", token: str = "") -> None:
    """The page; with a token it asks for a new password."""
    texts = visit.texts
    title = texts("sign_in.new_password" if token else "sign_in.title")
    head(visit, title)
    # Only within the dashboard: a link from outside must not lead a new session elsewhere.
    inside = next_page == PATH or next_page.startswith(f"{PATH}/")
    with tag("div", classes="sign-in-page"):
        with tag("div", classes="sign-in-box"):
            with tag("div", classes="sign-in-brand"):
                tag("img", src=f"{STATIC}/favicon.svg", alt="", width=36, height=36)
                tag("span", "Tonewatch")
            tag("h1", title)
            if token:
                tag("p", texts("sign_in.new_password_note"), "note")
            elif visit.state.setup_link:
                tag("p", texts("sign_in.first_start"), "notice")
            SignInForm(next_page if inside else f"{PATH}/", token, MIN_LENGTH)
            if not token:
                tag("p", texts("sign_in.forgotten"), "note")
        with tag("div", classes="sign-in-foot"):
            tag("p", texts("sign_in.about"), "note")
            for language, name in LANGUAGES.items():
                if language != texts.language:
                    tag(
                        "button",
                        name,
                        "button quiet",
                        type="button",
                        lang=language,
                        data_language=language,
                    )
    ui.context.client.content.classes("bare")
