"""The dashboard: pages in the browser, made by NiceGUI, on the service's own application.

Pages talk to the state and its repositories directly; they check the same permissions as REST and
write the same into the audit.
"""

from fastapi import FastAPI

from tonewatch.service.dashboard.mount import mount
from tonewatch.service.dashboard.pages import register
from tonewatch.service.state import State


def install(app: FastAPI, state: State) -> None:
    """Put the dashboard at `/ui`, and send `/` there."""
    register()
    mount(app, state)
