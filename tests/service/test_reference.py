"""docs/reference/rest.md tells every route, permission and metric, and nothing else."""

import re
from pathlib import Path

from service.running import Service
from tonewatch.service.auth.permissions import MEANINGS, PERMISSIONS, Permission
from tonewatch.store.users import UserRole

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "rest.md").read_text("utf-8")


def test_every_route_with_what_it_needs(service: Service) -> None:
    document = service.client().get("/api/v1/openapi.json").json()
    there = {
        f"{method.upper()} {path}": operation.get("x-permission", "")
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    rows = re.findall(r"^\| `([A-Z]+ /\S+)` \| (.*?) \|", PAGE, re.MULTILINE)
    told = {route: needed.strip("`").replace("signed in", "") for route, needed in rows}
    assert told == there


def test_every_permission_with_its_roles() -> None:
    rows = re.findall(r"^\| `(\w+:\w+)` \|(.*)\|(.*)\|$", PAGE, re.MULTILINE)
    assert [name for name, _, _ in rows] == list(Permission)
    for name, roles, meaning in rows:
        may = [cell.strip() == "yes" for cell in roles.split("|")]
        assert may == [name in PERMISSIONS[role] for role in UserRole], name
        assert meaning.strip() == MEANINGS[Permission(name)]


def test_every_metric(service: Service) -> None:
    page = service.client().get("/metrics").text
    there = set(re.findall(r"^# TYPE (\w+) ", page, re.MULTILINE))
    there = {name for name in there if not name.endswith("_created")}
    assert (
        set(re.findall(r"`(tonewatch_\w+)`", PAGE)) - {"tonewatch_session", "tonewatch_csrf"}
        == there
    )
