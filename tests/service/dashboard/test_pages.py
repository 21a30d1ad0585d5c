"""Nobody sees a page without signing in, and nobody sees one that is not for their role."""

import re

import pytest

from service.running import Service
from tonewatch.service.auth.permissions import PERMISSIONS
from tonewatch.service.dashboard.frame import PLACES
from tonewatch.service.dashboard.texts import texts
from tonewatch.store.users import UserRole

ENGLISH = {"Accept-Language": "en"}
DEEPER = ("/calls/c1", "/recordings/r1", "/search?q=x")


@pytest.mark.parametrize("path", [*(place.path for place in PLACES), *DEEPER])
def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page(service: Service, path: str) -> None:
    answer = service.client().get(f"/ui{path}")
    assert answer.status_code == 307
    assert answer.headers["location"].startswith("/ui/signin?next=%2Fui%2F")


@pytest.mark.parametrize("role", UserRole)
def test_each_role_sees_the_pages_that_are_for_it(service: Service, role: UserRole) -> None:
    client = service.signed_in(role)
    for place in PLACES:
        allowed = bool(PERMISSIONS[role] & set(place.needs))
        answer = client.get(f"/ui{place.path}", headers=ENGLISH)
        assert answer.status_code == 200, place.key
        refused = texts("en")("state.not_allowed") in answer.text
        assert refused != allowed, place.key
        links = set(re.findall(r"href\\?\":\\?\"/ui(/[a-z]*)", answer.text))
        for other in PLACES:
            is_linked = other.path in links or (other.path == "/" and '"/ui/"' in answer.text)
            if other.path != "/":
                assert is_linked == bool(PERMISSIONS[role] & set(other.needs)), other.key


def test_the_start_leads_to_the_dashboard(service: Service) -> None:
    answer = service.client().get("/")
    assert answer.status_code == 307
    assert answer.headers["location"] == "/ui/"


def test_pages_may_load_from_this_site_alone(service: Service) -> None:
    answer = service.client().get("/ui/signin")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    addresses = re.findall(r"(?:src|href)=\"(https?:[^\"]+)", answer.text)
    assert not addresses


def test_sign_in_leads_to_pages_of_the_dashboard_only(service: Service) -> None:
    client = service.client()
    for outside in ("https://example.org/ui/", "//example.org", "/uix", "/api/v1/users"):
        assert f'"next":"{outside}"' not in client.get("/ui/signin", params={"next": outside}).text
    inside = client.get("/ui/signin", params={"next": "/ui/models"}).text
    assert "/ui/models" in inside


def test_static_files_are_our_own_and_small(service: Service) -> None:
    client = service.client()
    for name in ("tonewatch.css", "frame.js", "shared.js", "microphone_worklet.js", "favicon.svg"):
        answer = client.get(f"/ui/static/{name}")
        assert answer.status_code == 200, name
        assert len(answer.content) < 40_000, name
        # A path of a namespace in an SVG is no address that is loaded.
        text = answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text.replace("https:", "").replace("http:", ""), name
