"""OpenAPI is complete and true: walked for its parts, and tried by schemathesis with a key."""

import os
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.running import SAMPLE, Service
from tonewatch.service.auth.permissions import Permission
from tonewatch.store.users import UserRole

# Of each operation, of what fits its description and again of what does not.
EXAMPLES = int(os.environ.get("TONEWATCH_TEST_EXAMPLES", "4"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    content = service.client().get("/api/v1/openapi.json").json()
    assert isinstance(content, dict)
    return content


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_describes_itself(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["tags"], name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (name, parameter["name"])


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    shape = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for name, operation in operations(document):
        errors = {k: v for k, v in operation["responses"].items() if int(k) >= 400}
        for status, answer in errors.items():
            assert answer["content"] == {"application/problem+json": shape}, (name, status)
        if "security" in operation:
            assert {"401", "403", "503"} <= set(errors), name
        if "requestBody" in operation:
            assert {"400", "413", "422"} <= set(errors), name
    assert document["components"]["schemas"]["Problem"]["examples"]


def test_what_needs_somebody_says_so(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"key", "session"}
    for name, operation in operations(document):
        if "x-permission" in operation:
            assert f"Needs `{operation['x-permission']}`" in operation["description"], name
            assert operation["security"] == [{"key": []}, {"session": []}], name


def test_every_field_of_a_body_has_an_example_or_tells_its_values(
    document: dict[str, Any],
) -> None:
    shapes = document["components"]["schemas"]
    for name, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        for media_type in content.values():
            reference = media_type["schema"].get("$ref", "")
            properties = shapes[reference.rsplit("/", 1)[1]]["properties"] if reference else {}
            for field, schema in properties.items():
                told = {"examples", "description", "$ref"} & set(schema)
                parts = schema.get("anyOf", ())
                assert (
                    told
                    or any("$ref" in part for part in parts)
                    or any(part.get("type") == "boolean" for part in parts)
                ), (name, field)


def test_schemathesis_finds_no_server_error_and_nothing_undocumented(service: Service) -> None:
    user = service.user(UserRole.ADMINISTRATOR, "schemathesis")
    _, secret = service.state.keys.create("schemathesis", tuple(Permission), user.id, None)
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {secret}"
        files = {"file": ("call.ogg", SAMPLE.read_bytes())}
        made = session.post(f"{service.url}/api/v1/recordings", files=files, timeout=120).json()
        begin_call(service, "c1")
        # What is asked for by these names is there, every second time.
        there = {"recording_id": made["id"], "call_id": "c1", "user_id": user.id, "name": "voice"}
        schema = schemathesis.openapi.from_url(f"{service.url}/api/v1/openapi.json")
        tried = 0
        for operation in schema.get_all_operations():
            assert isinstance(operation, Ok), operation
            tried += attempt(operation.ok(), session, there)
    assert tried > 30 * EXAMPLES
    assert service.client().get("/readyz").status_code == 200


def attempt(operation: Any, session: requests.Session, there: dict[str, str]) -> int:
    """Try one operation with what fits and with what does not; return how often."""
    tried = once(operation, GenerationMode.POSITIVE, session, there)
    takes_something = len(operation.body) or any(True for _ in operation.iter_parameters())
    if takes_something:
        tried += once(operation, GenerationMode.NEGATIVE, session, {})
    return tried


def once(
    operation: Any, mode: GenerationMode, session: requests.Session, there: dict[str, str]
) -> int:
    tried = 0

    @settings(
        max_examples=EXAMPLES,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def attempt(case: Any) -> None:
        nonlocal tried
        tried += 1
        if tried % 2:
            known = (case.path_parameters or {}).items()
            case.path_parameters = {name: there.get(name, value) for name, value in known}
        case.call_and_validate(session=session, checks=CHECKS)

    attempt()
    return tried


def begin_call(service: Service, call_id: str) -> None:
    service.state.calls.start(
        call_id,
        started_at=service.clock(),
        channels=["caller"],
        metadata={"caller": "112"},
        bundle="voice",
        bundle_sha256="ab" * 32,
        threshold=0.6,
    )
