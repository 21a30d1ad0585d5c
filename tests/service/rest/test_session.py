import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from service.running import PASSWORD, Service
from tonewatch.service.auth.permissions import Permission
from tonewatch.store.users import UserRole

SESSION = "/api/v1/session"


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


def sign_in(client: httpx.Client, password: str, name: str = "ada") -> httpx.Response:
    return client.post(SESSION, json={"name": name, "password": password})


def test_first_start_gives_a_link_that_works_once(fresh: Service) -> None:
    assert fresh.state.setup_link.startswith("http://127.0.0.1:8765/ui/password?token=")
    body = {"token": token_of(fresh.state.setup_link), "password": PASSWORD}
    client = fresh.client()
    me = client.post(f"{SESSION}/password", json=body)
    assert me.status_code == 200
    assert (me.json()["name"], me.json()["role"]) == ("admin", "administrator")
    assert client.get(SESSION).json()["name"] == "admin"
    again = fresh.client().post(f"{SESSION}/password", json=body)
    assert (again.status_code, again.json()["type"]) == (401, "urn:tonewatch:problem:bad_token")
    assert sign_in(fresh.client(), PASSWORD, "ADMIN").status_code == 200
    assert fresh.state.setup_link == ""


def test_link_grows_old(fresh: Service) -> None:
    fresh.clock.turn(hours=25)
    body = {"token": token_of(fresh.state.setup_link), "password": PASSWORD}
    assert fresh.client().post(f"{SESSION}/password", json=body).status_code == 401


def test_cookies_are_hidden_and_stay_on_the_site(service: Service) -> None:
    service.user(UserRole.SUPERVISOR, "ada")
    answer = sign_in(service.client(), PASSWORD)
    session, token = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in session and "SameSite=lax" in session and "Path=/" in session
    assert "HttpOnly" not in token and answer.json()["csrf_token"] in token
    assert "Secure" not in session, "the test comes by http"


def test_secure_behind_https(service: Service) -> None:
    service.user(UserRole.SUPERVISOR, "ada")
    client = service.client(headers={"X-Forwarded-Proto": "https"})
    answer = sign_in(client, PASSWORD)
    assert all("Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))
    assert "strict-transport-security" in answer.headers


def test_changes_need_the_token_of_the_session(service: Service) -> None:
    client = service.signed_in(UserRole.SUPERVISOR)
    other = service.signed_in(UserRole.SUPERVISOR)
    right = client.headers.pop("X-CSRF-Token")
    tries: list[tuple[dict[str, str], int]] = [
        ({}, 403),
        ({"X-CSRF-Token": "x"}, 403),
        ({"X-CSRF-Token": other.headers["X-CSRF-Token"]}, 403),
        ({"X-CSRF-Token": right, "Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-CSRF-Token": right, "Origin": "https://evil.example"}, 403),
        ({"X-CSRF-Token": right, "Origin": service.url}, 200),
        ({"X-CSRF-Token": right, "Sec-Fetch-Site": "same-origin"}, 200),
    ]
    for headers, status in tries:
        answer = client.put("/api/v1/model", json={"on": True}, headers=headers)
        assert answer.status_code == status, headers
        if status == 403:
            assert answer.json()["type"] == "urn:tonewatch:problem:csrf"
    assert client.get("/api/v1/model").status_code == 200, "reading needs none"


def test_nobody_is_signed_in_by_another_site(service: Service) -> None:
    service.user(UserRole.SUPERVISOR, "ada")
    client = service.client(headers={"Origin": "https://evil.example"})
    assert sign_in(client, PASSWORD).status_code == 403


def test_signing_out_ends_copies_of_the_cookie_too(service: Service) -> None:
    client = service.signed_in(UserRole.SUPERVISOR)
    copy = service.client(cookies=dict(client.cookies))
    assert copy.get(SESSION).status_code == 200
    assert client.delete(SESSION).status_code == 204
    assert dict(client.cookies) == {}
    assert copy.get(SESSION).status_code == 401


def test_session_ends_by_time(service: Service) -> None:
    client = service.signed_in(UserRole.SUPERVISOR)
    service.clock.turn(hours=12.1)
    assert client.get(SESSION).status_code == 401


def test_session_ends_with_its_password_and_with_its_user(service: Service) -> None:
    client = service.signed_in(UserRole.SUPERVISOR, "bea")
    admin = service.keyed(UserRole.ADMINISTRATOR)
    user_id = service.user(UserRole.SUPERVISOR, "bea").id
    link = admin.post(f"/api/v1/users/{user_id}/link").json()["link"]
    assert client.get(SESSION).status_code == 200, "a link changes nothing until it is used"
    body = {"token": token_of(link), "password": "another long password"}
    newer = service.client()
    assert newer.post(f"{SESSION}/password", json=body).status_code == 200
    assert client.get(SESSION).status_code == 401
    assert newer.get(SESSION).status_code == 200
    assert admin.patch(f"/api/v1/users/{user_id}", json={"active": False}).status_code == 200
    assert newer.get(SESSION).status_code == 401
    assert sign_in(service.client(), "another long password", "bea").status_code == 401


def test_own_password_is_changed_and_ends_other_sessions(service: Service) -> None:
    here, elsewhere = (service.signed_in(UserRole.CALL_TAKER, "cleo") for _ in range(2))
    body = {"old": PASSWORD, "new": "staple and paper clip"}
    changed = here.put(f"{SESSION}/password", json=body)
    assert (changed.status_code, changed.json()["name"]) == (200, "cleo")
    assert here.get(SESSION).json()["csrf_token"] == changed.json()["csrf_token"]
    assert elsewhere.get(SESSION).status_code == 401
    assert sign_in(service.client(), PASSWORD, "cleo").status_code == 401
    assert sign_in(service.client(), "staple and paper clip", "cleo").status_code == 200
    admin = service.keyed(UserRole.ADMINISTRATOR)
    entries = admin.get("/api/v1/audit", params={"action": "user.password_set"})
    assert entries.json()["items"][0]["actor"] == "cleo"
    assert "staple" not in entries.text


def test_own_password_ends_links_that_were_not_used(service: Service) -> None:
    client = service.signed_in(UserRole.CALL_TAKER, "finn")
    user_id = service.user(UserRole.CALL_TAKER, "finn").id
    made = service.keyed(UserRole.ADMINISTRATOR).post(f"/api/v1/users/{user_id}/link")
    body = {"old": PASSWORD, "new": "staple and paper clip"}
    assert client.put(f"{SESSION}/password", json=body).status_code == 200
    stolen = {"token": token_of(made.json()["link"]), "password": "another long password"}
    assert service.client().post(f"{SESSION}/password", json=stolen).status_code == 401


def test_own_password_needs_the_old_one_and_its_guesses_wait(service: Service) -> None:
    service.clock.turn(hours=2)  # what other tests did is forgotten
    client = service.signed_in(UserRole.CALL_TAKER, "dora")
    body = {"old": "guessed", "new": "staple and paper clip"}
    for _ in range(5):
        wrong = client.put(f"{SESSION}/password", json=body)
        assert (wrong.status_code, wrong.json()["type"]) == (
            403,
            "urn:tonewatch:problem:bad_password",
        )
    client.put(f"{SESSION}/password", json=body)
    refused = client.put(f"{SESSION}/password", json=body | {"old": PASSWORD})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    service.clock.turn(hours=2)
    short = client.put(f"{SESSION}/password", json={"old": PASSWORD, "new": "short"})
    assert short.status_code == 422
    del client.headers["X-CSRF-Token"]
    forged = client.put(f"{SESSION}/password", json=body | {"old": PASSWORD})
    assert (forged.status_code, forged.json()["type"]) == (403, "urn:tonewatch:problem:csrf")
    assert sign_in(service.client(), PASSWORD, "dora").status_code == 200


def test_key_has_no_password_to_change(service: Service) -> None:
    body = {"old": PASSWORD, "new": "staple and paper clip"}
    refused = service.keyed(UserRole.CALL_TAKER).put(f"{SESSION}/password", json=body)
    assert refused.status_code == 409


@pytest.mark.parametrize("name", ["ada", "nobody-of-that-name"])
def test_wrong_passwords_wait_longer_and_longer(service: Service, name: str) -> None:
    service.clock.turn(hours=2)  # what other tests did is forgotten
    service.user(UserRole.SUPERVISOR, "ada")
    client = service.client()
    for _ in range(5):
        answer = sign_in(client, "wrong", name)
        assert (answer.status_code, answer.json()["type"]) == (
            401,
            "urn:tonewatch:problem:bad_password",
        )
    service.clock.turn(seconds=1)
    assert sign_in(client, "wrong", name).status_code == 401
    service.clock.turn(seconds=2)
    assert sign_in(client, "wrong", name).status_code == 401
    refused = sign_in(client, PASSWORD, name)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert 1 <= int(refused.headers["retry-after"]) <= 4
    service.clock.turn(seconds=4)
    assert sign_in(client, PASSWORD, name).status_code == (200 if name == "ada" else 401)


def test_of_many_tries_at_once_few_are_hashed_and_not_all_are_free(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.clock.turn(hours=2)
    lock, now, most = Lock(), 0, 0

    def slow(_password: str, _hashed: str | None) -> bool:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.1)
        with lock:
            now -= 1
        return False

    monkeypatch.setattr("tonewatch.service.rest.session.is_password", slow)
    client = service.client()
    with ThreadPoolExecutor(15) as threads:
        tries = list(threads.map(lambda _: sign_in(client, "wrong").status_code, range(15)))
    assert most <= 2
    assert 5 <= tries.count(401) <= 6
    assert tries.count(429) == 15 - tries.count(401)


def test_nothing_is_hashed_for_a_link_that_does_not_hold(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr("tonewatch.service.rest.session.hash_password", hashed.append)
    body = {"token": "none", "password": "another long password"}
    assert service.client().post(f"{SESSION}/password", json=body).status_code == 401
    assert hashed == []


def test_refused_names_that_nobody_has_are_not_kept(service: Service) -> None:
    sign_in(service.client(), "x", "hunter2-typed-into-the-name")
    admin = service.keyed(UserRole.ADMINISTRATOR)
    entries = admin.get("/api/v1/audit", params={"action": "session.refused"})
    assert entries.json()["total"] > 0
    assert "hunter2" not in entries.text


def test_keys_that_do_not_hold(service: Service) -> None:
    admin = service.keyed(UserRole.ADMINISTRATOR)
    made = admin.post("/api/v1/keys", json={"name": "pbx", "scopes": ["calls:read"]})
    assert made.status_code == 201
    client = service.client(headers={"Authorization": f"Bearer {made.json()['secret']}"})
    assert client.get("/api/v1/calls").status_code == 200
    listed = admin.get("/api/v1/keys")
    assert made.json()["secret"] not in listed.text
    assert admin.delete(f"/api/v1/keys/{made.json()['key']['id']}").status_code == 204
    refused = client.get("/api/v1/calls")
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:tonewatch:problem:bad_key")
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_key_ends_by_time(service: Service) -> None:
    admin = service.keyed(UserRole.ADMINISTRATOR)
    ends = service.clock().replace(microsecond=0).isoformat()
    body = {"name": "short", "scopes": ["calls:read"], "expires_at": ends}
    secret = admin.post("/api/v1/keys", json=body).json()["secret"]
    client = service.client(headers={"Authorization": f"Bearer {secret}"})
    service.clock.turn(seconds=2)
    assert client.get("/api/v1/calls").status_code == 401


def test_nobody_hands_out_more_than_they_have(service: Service) -> None:
    client = service.keyed(UserRole.ADMINISTRATOR, Permission.KEYS_MANAGE)
    body = {"name": "more", "scopes": ["keys:manage", "audit:read"]}
    refused = client.post("/api/v1/keys", json=body)
    assert refused.status_code == 403
    assert "audit:read" in refused.json()["detail"]
