import os
import time

import httpx
import pytest

from service.running import Service
from tonewatch.service.auth.permissions import PERMISSIONS, Permission
from tonewatch.store.users import UserRole


@pytest.fixture(scope="module")
def client(service: Service) -> httpx.Client:
    return service.keyed(UserRole.ADMINISTRATOR)


def test_users_are_made_and_changed(client: httpx.Client) -> None:
    made = client.post("/api/v1/users", json={"name": "bea", "role": "researcher"})
    assert made.status_code == 201
    user = made.json()["user"]
    assert "/ui/password?token=" in made.json()["link"]
    assert client.get(f"/api/v1/users/{user['id']}").json() == user
    assert user in client.get("/api/v1/users").json()["items"]
    changed = client.patch(f"/api/v1/users/{user['id']}", json={"role": "supervisor"}).json()
    assert changed == user | {"role": "supervisor"}
    assert client.post("/api/v1/users", json={"name": "BEA"}).status_code == 409
    for name in ("", "-bea", "a b", "a\0b", "b" * 101):
        assert client.post("/api/v1/users", json={"name": name}).status_code == 422
    entries = client.get("/api/v1/audit", params={"subject": f"user:{user['id']}"}).json()["items"]
    assert [entry["action"] for entry in entries] == ["user.changed", "user.created"]
    token = made.json()["link"].rsplit("=", 1)[1]
    assert token not in str(entries)


def test_nobody_makes_somebody_who_may_more_than_they(service: Service) -> None:
    url, admin = "/api/v1/users", service.user(UserRole.ADMINISTRATOR).id
    taker = service.user(UserRole.CALL_TAKER, "hired").id
    scopes = PERMISSIONS[UserRole.CALL_TAKER] | {Permission.USERS_MANAGE}
    key = service.keyed(UserRole.ADMINISTRATOR, *scopes)
    tries = [
        ("POST", url, {"name": "mallory", "role": "administrator"}),
        ("POST", url, {"name": "mallory", "role": "supervisor"}),
        ("PATCH", f"{url}/{taker}", {"role": "administrator"}),
        ("PATCH", f"{url}/{admin}", {"active": False}),
        ("POST", f"{url}/{admin}/link", None),
    ]
    for method, path, body in tries:
        refused = key.request(method, path, json=body)
        assert refused.status_code == 403, path
        assert "may no more than" in refused.json()["detail"]
    assert key.post(url, json={"name": "ivy", "role": "call_taker"}).status_code == 201
    assert key.patch(f"{url}/{taker}", json={"active": True}).status_code == 200
    assert key.post(f"{url}/{taker}/link").status_code == 201


def test_one_administrator_stays(fresh: Service) -> None:
    client = fresh.keyed(UserRole.ADMINISTRATOR)
    admin = fresh.state.users.by_name("admin")
    me = fresh.state.users.by_name("administrator")
    assert admin is not None and me is not None
    url = "/api/v1/users"
    assert client.patch(f"{url}/{admin.id}", json={"active": False}).status_code == 200
    for change in ({"active": False}, {"role": "researcher"}):
        refused = client.patch(f"{url}/{me.id}", json=change)
        assert refused.status_code == 409
        assert "administrator" in refused.json()["detail"]


def test_a_change_of_role_holds_at_once_for_keys(service: Service, client: httpx.Client) -> None:
    other = service.keyed(UserRole.RESEARCHER)
    user_id = service.user(UserRole.RESEARCHER).id
    assert other.get("/api/v1/calls").status_code == 200
    client.patch(f"/api/v1/users/{user_id}", json={"active": False})
    assert other.get("/api/v1/calls").status_code == 401
    client.patch(f"/api/v1/users/{user_id}", json={"active": True})


def test_retention_is_set_and_swept(service: Service, client: httpx.Client) -> None:
    policy = client.get("/api/v1/retention").json()
    assert policy["audit_days"] == 730
    changed = policy | {"audio_days": 3, "calls_days": None}
    assert client.put("/api/v1/retention", json=changed).json() == changed
    assert client.get("/api/v1/retention").json() == changed
    assert client.put("/api/v1/retention", json=policy | {"audit_days": 183}).status_code == 422
    assert client.put("/api/v1/retention", json={"audio_days": 3}).status_code == 422
    assert client.post("/api/v1/retention/sweep").json() == dict.fromkeys(
        ("recordings", "windows", "calls", "audit", "files"), 0
    )
    entry = client.get("/api/v1/audit", params={"action": "retention.set"}).json()["items"][0]
    assert entry["details"] == changed


def test_what_a_crash_left_of_an_upload_is_swept(service: Service, client: httpx.Client) -> None:
    incoming = service.state.settings.data_dir / "incoming"
    ages_s = {"left": 40 + 3700, "heard": 40 + 3500}  # recordings here have at most 40 s
    for name, age_s in ages_s.items():
        (incoming / name).write_bytes(b"a caller's voice")
        os.utime(incoming / name, (time.time() - age_s,) * 2)
    client.post("/api/v1/retention/sweep")
    assert [path.name for path in incoming.iterdir()] == ["heard"]
    (incoming / "heard").unlink()


def test_bundles_tell_their_card_and_scores(client: httpx.Client) -> None:
    bundle, *others = client.get("/api/v1/bundles").json()["items"]
    assert {each["name"] for each in others if each["experimental"]} == {"caller-state"}
    assert not bundle["experimental"]
    assert bundle["active"] and bundle["card"].startswith("# ") and bundle["metrics"]
    assert client.get(f"/api/v1/bundles/{bundle['name']}").json() == bundle
    for name in ("none", "..", "%2e%2e%2fvoice", "%2Fetc"):
        assert client.get(f"/api/v1/bundles/{name}").status_code in (404, 422)


def test_audit_is_listed_by_pages(client: httpx.Client) -> None:
    first = client.get("/api/v1/audit", params={"per_page": 1}).json()
    second = client.get("/api/v1/audit", params={"per_page": 1, "page": 2}).json()
    assert first["items"][0]["previous"] == second["items"][0]["hash"]
    assert first["total"] == first["items"][0]["number"]
