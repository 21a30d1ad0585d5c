"""One page that somebody has open: who they are, in which language, and what they may do now.

Each action asks again who it is, as a session can end while its page stays open. The store is only
asked in threads.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar
from urllib.parse import quote

import structlog
from nicegui import ui
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tonewatch.core.errors import TonewatchError
from tonewatch.service.auth.guard import Principal, principal_of
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.texts import Texts, language_of, texts
from tonewatch.service.dashboard.watch import Watch
from tonewatch.service.problems import Refusal
from tonewatch.service.state import State

P = ParamSpec("P")
T = TypeVar("T")

Theme = Literal["dark", "light"]


class SignedOutError(Exception):
    """Whoever opened the page is signed in no more."""


class ShutOutError(Exception):
    """Whoever opened the page is signed in, but may see it no more."""


@dataclass
class Visit:
    """An open page.

    Attributes:
        state: the service's.
        request: by which the page came; its cookie says who.
        who: who opened it; None on pages for everybody.
        texts: in their language.
        theme: dark or light.
        model_on: whether the model was on when the page was opened.
        watch: what is new in live calls.
        needs: any of these permissions for the page to stay open; none where it is for everybody.
        say: shows a short message, an error that stands there already no second time; the frame
            sets it.
        unsay: takes an error away that holds no more; the frame sets it.
    """

    state: State
    request: Request
    who: Principal | None
    texts: Texts
    theme: Theme
    model_on: bool
    watch: Watch
    needs: tuple[Permission, ...] = ()
    say: Callable[[str, bool], None] = lambda text, is_error: None
    unsay: Callable[[str], None] = lambda text: None

    @classmethod
    async def of(cls, request: Request) -> "Visit":
        """The visit that a request begins."""
        state: State = request.state.tonewatch
        watch: Watch = request.state.watch
        try:
            who = await run_in_threadpool(principal_of, request, state)
        except Refusal:  # an API key; pages are for people
            who = None
        model_on = await run_in_threadpool(lambda: state.model_on)
        language = language_of(
            request.cookies.get("tonewatch_language"), request.headers.get("accept-language", "")
        )
        theme: Theme = "light" if request.cookies.get("tonewatch_theme") == "light" else "dark"
        return cls(state, request, who, texts(language), theme, model_on, watch)

    @property
    def actor(self) -> str:
        """How the audit names them."""
        assert self.who is not None, "a page for those who are signed in"
        return self.who.actor

    @property
    def name(self) -> str:
        """The person's name."""
        assert self.who is not None, "a page for those who are signed in"
        return self.who.user.name

    def may(self, permission: Permission) -> bool:
        """Whether they may, as of when the page was opened; `run` asks again."""
        return self.who is not None and self.who.may(permission)

    async def run(
        self,
        permission: Permission,
        work: Callable[P, T],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """Do something that reads or writes the store, if they may still do it.

        Raises:
            SignedOutError: their session is over.
            Refusal: they may not.
            TonewatchError: what `work` raises.
        """

        def guarded() -> T:
            self._ask(permission)
            return work(*arguments, **named)

        return await run_in_threadpool(guarded)

    async def stay(self) -> None:
        """Check that they may still look at this page.

        Raises:
            SignedOutError: they are signed in no more.
            ShutOutError: they lost the permission for it.
        """
        principal = await run_in_threadpool(principal_of, self.request, self.state)
        if principal is None:
            raise SignedOutError
        if not principal.may_any(self.needs):
            raise ShutOutError

    async def ask(self, permission: Permission) -> None:
        """Check that they may still do this; errors as `run`."""
        await run_in_threadpool(self._ask, permission)

    def _ask(self, permission: Permission) -> None:
        principal = principal_of(self.request, self.state)
        if principal is None:
            raise SignedOutError
        if not principal.may(permission):
            raise Refusal(403, self.texts("error.not_allowed"))

    def safely(self, action: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[None]]:
        """The action with its error told on the page, until it works again."""
        error_there = ""

        @wraps(action)
        async def told(*arguments: P.args, **named: P.kwargs) -> None:
            nonlocal error_there
            text = ""
            try:
                await action(*arguments, **named)
            except SignedOutError:
                self.sign_in_again()
                return
            except ShutOutError:
                _leave_for(self._address)  # again, which says so
                return
            except Exception as error:
                text = self.explain(error)
                self.say(text, True)
            if error_there not in ("", text):
                self.unsay(error_there)
            error_there = text

        return told

    def explain(self, error: Exception) -> str:
        """What happened, what is safe, what to do; errors that are ours go to the log too."""
        if isinstance(error, HTTPException):
            return self.texts.known(f"error.{getattr(error, 'kind', '')}", str(error.detail))
        if isinstance(error, TonewatchError):
            return self.texts.known(f"error.{error.kind}", str(error))
        structlog.get_logger("tonewatch.dashboard").error("broke", exc_info=error)
        return self.texts("error.internal")

    def sign_in_again(self) -> None:
        """Send them to the sign-in page, and back here afterwards; this page gets nothing more.

        The browser may not go: what the page's timers bring ends here, not there.
        """
        _leave_for(self.sign_in_address)

    @property
    def sign_in_address(self) -> str:
        """The sign-in page, which leads back here."""
        return f"{PATH}/signin?next={quote(self._address, safe='')}"

    @property
    def _address(self) -> str:
        url = self.request.url
        return url.path + (f"?{url.query}" if url.query else "")


def _leave_for(address: str) -> None:
    """Send the browser to another page, and let nothing more come to this one.

    NiceGUI puts `PATH` before an address itself.
    """
    ui.navigate.to(address.removeprefix(PATH))
    for element in ui.context.client.elements.values():
        if isinstance(element, ui.timer):
            element.cancel()
