"""Requests that nobody would write, made of our own OpenAPI page: no 5xx, and all as described."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import Served

# In each run of the tests; `schemathesis run URL/api/openapi.json` makes thousands.
EXAMPLES = 20
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
TAKING = [
    ("POST", "/api/ask"),
    ("POST", "/api/search"),
    ("GET", "/api/sessions"),
    ("GET", "/api/sessions/{code}"),
    ("POST", "/v1/chat/completions"),
]
GIVING = [("GET", "/v1/models"), ("GET", "/metrics")]
# Where nothing is taken, nothing can be sent wrong.
TRIED = [
    *((*operation, mode) for operation in TAKING for mode in GenerationMode),
    *((*operation, GenerationMode.POSITIVE) for operation in GIVING),
]


@pytest.fixture(scope="module")
def schema(served: Served) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{served.url}/api/openapi.json")


def test_every_operation_is_tried(schema: schemathesis.BaseSchema) -> None:
    described = {(found.method.upper(), found.path) for found in map(_of, _all(schema))}
    assert described == {*TAKING, *GIVING}


@pytest.mark.parametrize(("method", "path", "mode"), TRIED)
def test_no_request_breaks_the_server(
    method: str, path: str, mode: GenerationMode, schema: schemathesis.BaseSchema
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def sent(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, timeout=30)

    sent()


def _all(schema: schemathesis.BaseSchema) -> list[object]:
    return list(schema.get_all_operations())


def _of(found: object) -> schemathesis.schemas.APIOperation:
    return found.ok()  # type: ignore[attr-defined,no-any-return]
