"""The OpenAPI 3.1 document of the HTTP API, made from what the routes say of themselves (``describing.py``). Pure.

Bodies, answers, queries and headers are msgspec structs, which decode and encode what is served, so their schemas can't
say anything else. A problem's schema names the codes that stand with its status.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from livegift import __version__
from livegift.domain.keys import SCOPES
from livegift.edge.api.describing import JSON, Description, Operation
from livegift.edge.api.reading import ID_PATTERN, TEXT_CHARS_MAX
from livegift.edge.problems import MEDIA_TYPE, STATUS, TITLES, ProblemDocument
from livegift.wire.messages import NO_NUL

Json = dict[str, Any]
REF = "#/components/schemas/{name}"
TAGS = {
    "rooms": "Open rooms, look at them, follow them, close them.",
    "gifts": "What can be sent, and sending it.",
    "coins": "Moving coins between the platform's shop and wallets.",
    "users": "Users under the platform's own ids: names, tokens, sessions, points.",
    "hooks": "What media servers tell of streams that begin and end.",
    "moderation": "Who is kept from what, and what a creator takes.",
    "events": "Everything that is settled, for the platform's own books.",
    "proofs": "What anyone may check: signed checkpoints, and who did what.",
    "demo": "For people who build overlays and bots, against a demo. Everywhere else it refuses.",
    "server": "The server about itself.",
}
EVERYWHERE = ("rate_limited", "not_acceptable", "internal", "busy", "unavailable")
"""Codes that any route may answer with."""
OF_BEARER = {
    None: (),
    "token": ("bad_token", "token_expired", "banned"),
    "key": ("bad_token", "not_allowed"),
    "either": ("bad_token", "token_expired", "banned", "not_allowed"),
    "optional": ("bad_token", "token_expired", "banned"),
}
SECURITY: dict[str | None, list[Json]] = {
    None: [],
    "token": [{"token": []}],
    "key": [{"key": []}],
    "either": [{"token": []}, {"key": []}],
    "optional": [{}, {"token": []}],
}
SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A user's token: the platform's, one of POST /v1/users/{user_id}/tokens, or of a demo's login.",
    },
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "lgk_…",
        "description": "A platform's API key, made with `livegift keys create`. Scopes: "
        + ", ".join(f"`{scope}` ({text})" for scope, text in SCOPES.items())
        + ".",
    },
}
EVENT: Json = {
    "title": "Event",
    "description": "One event of the stream; `data` is a message of the WebSocket protocol as JSON.",
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}, "id": {"type": "string"}},
}
HEADERS: dict[int, Json] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer."}},
    429: {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds."}},
    503: {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds."}},
}


def openapi(operations: Sequence[Operation], examples: Mapping[type, object]) -> Json:
    """Return the document; ``examples`` has one of every body and every answer."""
    schemas, components = _schemas(operations)
    for shape, example in examples.items():
        components[shape.__name__]["examples"] = [_plain(example)]
    paths: dict[str, Json] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas, components)
    document = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "info": {
            "title": "livegift HTTP API",
            "version": "1",
            "summary": "Gifts in live streams: rooms, coins, gifts, moderation.",
            "description": "Errors are problem documents (RFC 9457) whose `code` is the WebSocket protocol's. "
            "Lists are paged: ask again with `cursor` set to `next` until that is null. "
            "Fields and codes may be added to v1; "
            f"clients ignore what they don't know. This is livegift {__version__}.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": SCHEMES},
        "x-error-codes": {code: {"status": STATUS.get(code), "description": text} for code, text in TITLES.items()},
    }
    return _plain(document)


def _schemas(operations: Iterable[Operation]) -> tuple[dict[object, Json], dict[str, Json]]:
    """Return the schema of each type, and the components that they refer to."""
    types: list[object] = [ProblemDocument]
    for one in operations:
        for found in (one.told.answer, one.told.body, one.told.query, one.told.headers):
            if found is not None and found not in types:
                types.append(found)
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    return dict(zip(map(_hashable, types), schemas, strict=True)), components


def _hashable(kind: object) -> object:
    return kind if isinstance(kind, type) else str(kind)


def _operation(one: Operation, schemas: dict[object, Json], components: dict[str, Json]) -> Json:
    told, (summary, description) = one.told, _words(one)
    document: Json = {
        "operationId": one.id,
        "tags": [told.tag],
        "summary": summary,
        "description": description,
        "security": SECURITY[told.bearer],
        "parameters": [*_path_parameters(one), *_parameters(told, components)],
        "responses": {str(status): answer for status, answer in sorted(_responses(one, schemas, components).items())},
    }
    if told.body is not None:
        media: Json = {"schema": schemas[told.body]}
        document["requestBody"] = {"required": True, "content": {JSON: media}}
    if told.deprecation is not None:
        document["deprecated"] = True
    return {name: value for name, value in document.items() if value or name == "security"}


def _words(one: Operation) -> tuple[str, str]:
    first, _, rest = (one.endpoint.__doc__ or "").partition("\n")
    words = [" ".join(rest.split())]
    if one.told.scope is not None:
        words.append(f"An API key needs the scope `{one.told.scope}`.")
    return first.replace("``", "`").rstrip(".").rstrip(), " ".join(words).replace("``", "`").strip()


def _path_parameters(one: Operation) -> list[Json]:
    schema: Json = {"type": "string", "minLength": 1, "maxLength": TEXT_CHARS_MAX, "pattern": NO_NUL}
    if one.told.has_platform_ids:
        schema = {"type": "string", "pattern": f"^{ID_PATTERN}$"}
    names = re.findall(r"{(\w+)}", one.path)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _parameters(told: Description, components: dict[str, Json]) -> list[Json]:
    found = []
    for place, shape in (("query", told.query), ("header", told.headers)):
        schema: Json = components[shape.__name__] if shape is not None else {"properties": {}}
        for name, field in schema["properties"].items():
            is_required = name in schema.get("required", ())
            found.append({"name": name, "in": place, "required": is_required, **_sent_as_text(field)})
    return found


def _sent_as_text(field: Json) -> Json:
    """Return schema and description of a parameter, which can be left out, but never null."""
    options = [one for one in field.get("anyOf", [field]) if one != {"type": "null"}]
    [schema] = [dict(one) for one in options]
    if field.get("default") is not None:
        schema["default"] = field["default"]
    text = schema.pop("description", None)
    return {"description": text, "schema": schema} if text else {"schema": schema}


def _responses(one: Operation, schemas: dict[object, Json], components: dict[str, Json]) -> dict[int, Json]:
    told = one.told
    content: Json = {"schema": EVENT if told.is_stream else schemas[_hashable(told.answer)]}
    found: dict[int, Json] = {
        status: {"description": _GOOD.get(status, "Done."), "content": {told.media_type: content}}
        for status in told.statuses
    }
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(_codes(one)):
        by_status.setdefault(STATUS[code], []).append(code)
    for status, codes in by_status.items():
        words = " ".join(f"`{code}`: {TITLES[code]}" for code in codes)
        schema = {"allOf": [schemas[ProblemDocument], {"properties": {"code": {"enum": codes}}}]}
        problem: Json = {"description": words, "content": {MEDIA_TYPE: {"schema": schema}}}
        if status in HEADERS:
            problem["headers"] = HEADERS[status]
        if status in found:  # the same status says yes and no: only /readyz does
            problem["content"] |= found[status]["content"]
            problem["description"] = f"{found[status]['description']} {words}"
        found[status] = problem
    return found


_GOOD = {200: "Done.", 201: "Made.", 503: "Not now."}


def _codes(one: Operation) -> Iterable[str]:
    told = one.told
    yield from told.problems
    yield from OF_BEARER[told.bearer]
    if told.query or told.headers or told.body or "{" in one.path:
        yield "bad_request"
    if told.body:
        yield from ("too_large", "unsupported_type")
    if "{" in one.path:
        yield "unknown_route"
    yield from EVERYWHERE


def _plain(value: object) -> Json:
    """Return what something looks like on the wire."""
    return dict(msgspec.json.decode(msgspec.json.encode(value)))
