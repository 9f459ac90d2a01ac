"""The OpenAPI document says what is served: valid, with examples that hold, and nothing left out."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.edge import api
from livegift.edge.api.describing import describe, operations_of
from livegift.edge.api.examples import EXAMPLES
from livegift.edge.api.openapi import TAGS, openapi
from livegift.edge.api.resource import Resource
from livegift.edge.problems import STATUS, TITLES

OPERATIONS = api.operations()
DOCUMENT = openapi(OPERATIONS, EXAMPLES)


def each() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, found in DOCUMENT["paths"].items() for method, one in found.items()]


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_route_of_the_api_is_described_with_a_name_a_tag_and_words() -> None:
    served = [route for route in api.routes() if isinstance(route.endpoint, Resource)]
    assert {route.path for route in served} == set(DOCUMENT["paths"])
    assert len(served) == len(api.routes())
    names = [one["operationId"] for _, _, one in each()]
    assert len(names) == len(set(names)) >= 30
    for path, method, one in each():
        assert one["tags"][0] in TAGS, path
        assert one["summary"], path
        assert "security" in one, (path, method)
    assert {one["tags"][0] for _, _, one in each()} == set(TAGS)


def test_a_route_that_is_not_described_is_not_served() -> None:
    async def handler(_: Request) -> Response:
        return Response()

    with pytest.raises(LookupError, match="/v1/secret is not described"):
        operations_of([Route("/v1/secret", handler)])


def test_a_code_that_no_problem_has_is_noticed_where_it_is_written() -> None:
    with pytest.raises(AssertionError, match="unknown_rom"):
        describe(tag="rooms", answer=dict, problems=("unknown_rom",))


def test_every_body_and_answer_has_an_example_that_its_schema_takes() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for one in OPERATIONS:
        for shape in (one.told.body, one.told.answer):
            if isinstance(shape, type):
                assert shape in EXAMPLES, f"{one.id} has no example of {shape.__name__}"
    for shape in EXAMPLES:
        schema = {"$ref": f"#/components/schemas/{shape.__name__}", "components": {"schemas": schemas}}
        [example] = schemas[shape.__name__]["examples"]
        Draft202012Validator(schema).validate(example)


def test_every_code_stands_in_the_document_with_its_status() -> None:
    assert DOCUMENT["x-error-codes"] == {
        code: {"status": STATUS.get(code), "description": text} for code, text in TITLES.items()
    }
    told: set[str] = set()
    for _, _, one in each():
        for status, answer in one["responses"].items():
            problem = answer["content"].get("application/problem+json")
            if problem is not None:
                codes = problem["schema"]["allOf"][1]["properties"]["code"]["enum"]
                assert {STATUS[code] for code in codes} == {int(status)}
                told.update(codes)
    # The rest is the WebSocket's alone, or of paths that the document does not have.
    assert set(STATUS) - told == {"bad_id", "method_not_allowed"}


def test_who_may_ask_is_said_of_every_route() -> None:
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"token", "key"}
    by_id = {one["operationId"]: one for _, _, one in each()}
    assert by_id["rooms"]["security"] == []
    assert by_id["wallet"]["security"] == [{"token": []}]
    assert by_id["send_gift"]["security"] == [{"key": []}]
    assert by_id["close_room"]["security"] == [{"token": []}, {"key": []}]
    assert "`gifts:send`" in by_id["send_gift"]["description"]


def test_money_moves_under_an_idempotency_key_and_lists_have_pages() -> None:
    by_id = {one["operationId"]: one for _, _, one in each()}
    for name in ("send_gift", "move_coins"):
        [header] = [one for one in by_id[name]["parameters"] if one["in"] == "header"]
        assert (header["name"], header["required"]) == ("Idempotency-Key", True)
    for name in ("rooms", "wallet", "audit_log", "checkpoints"):
        assert {"limit", "cursor"} <= {one["name"] for one in by_id[name]["parameters"]}
        answer = by_id[name]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert "next" in DOCUMENT["components"]["schemas"][answer]["required"]
