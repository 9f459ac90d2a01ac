"""Where media servers tell that a stream has begun or ended: a room is opened for it, and closed."""

import structlog
from msgspec import UNSET, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils import uuid7

from livegift.clock import now_ms
from livegift.edge.api.describing import describe
from livegift.edge.api.reading import context_of, json, query_of, raw_body_of, text_in
from livegift.edge.context import EdgeContext
from livegift.edge.problems import Problem
from livegift.errors import Fault
from livegift.hooks.event import Delivery, HookRefused, StreamEvent
from livegift.hooks.settings import NamedHook
from livegift.store.platform import NoSuchUser

TITLE_CHARS_MAX = 100

log = structlog.get_logger(__name__)


class HookBody(Struct):
    """What the media server sends: its own JSON, which docs/hooks.md names."""


class HookQuery(Struct):
    """Query of POST /v1/hooks/{hook}; only Owncast, which signs nothing, needs the secret."""

    secret: str = ""


class HookAnswer(Struct, frozen=True):
    """What a media server wants to hear; most only look at the status."""

    allowed: bool | UnsetType = UNSET


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/v1/hooks/{hook}", hook, methods=["POST"])]


@describe(
    tag="hooks",
    body=HookBody,
    query=HookQuery,
    answer=HookAnswer,
    problems=("bad_token", "unknown_user", "unknown_hook"),
)
async def hook(request: Request) -> Response:
    """Take what a media server tells: a stream that begins opens a room of its creator's, one that ends closes it."""
    context = context_of(request)
    named = context.hooks.get(text_in(request, "hook"))
    if named is None:
        raise Problem("unknown_hook")
    body, query = await raw_body_of(request), query_of(request, HookQuery)
    try:
        event = named.hook.read(Delivery(request.headers, query.secret, body, now_ms()))
    except HookRefused as no:
        raise Problem("bad_token", f"This is no hook of ours: {no}.") from no
    if event is not None:
        try:
            await _carry_out(context, named, event)
        except (NoSuchUser, Fault) as error:
            log.warning("hook_not_carried_out", hook=named.name, stream=event.stream, error=type(error).__name__)
            # A server that asks whether a stream may begin must not hear no because of us.
            if not named.hook.decides:
                if isinstance(error, Fault):
                    raise
                raise Problem("unknown_user", "The stream's creator is no user with the role creator.") from error
    return json(HookAnswer(**named.hook.answer(event)))


async def _carry_out(context: EdgeContext, named: NamedHook, event: StreamEvent) -> None:
    if not event.is_live:
        changed = await context.stream_rooms.ended(named.name, event.stream, at_ms=event.at_ms, now_ms=now_ms())
    else:
        title = context.clean(event.title[:TITLE_CHARS_MAX].replace("\x00", "")) if event.title else None
        changed = await context.stream_rooms.began(
            named.name,
            event.stream,
            at_ms=event.at_ms,
            creator_id=named.creator or event.stream,
            title=title,
            room_id=uuid7().hex,
            now_ms=now_ms(),
        )
    if changed is not None:
        await context.gifting.rooms_have_news()
