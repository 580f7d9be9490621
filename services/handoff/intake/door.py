"""`POST /intake/{source}`: who knocks, what it brings, and an answer once Kafka has it.

Nothing of a refused request is logged but the reason, and nothing at all of one whose sender is
not known: its address may hold a secret.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_bytes
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Request, Response
from fastapi.routing import APIRoute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from prometheus_client import CollectorRegistry, Counter
from pydantic import BaseModel
from standardwebhooks import Webhook
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from services.handoff.intake import bodies, events
from services.handoff.intake.batches import Batches
from services.handoff.intake.mapping import Taken
from services.handoff.intake.refusal import Refused
from services.handoff.intake.signatures import Check, Knock, StandardWebhooks
from services.handoff.intake.sources import Source
from shared.contracts.cloudevents import LARGEST
from shared.errors import Transient
from shared.processor import to_message

log = structlog.get_logger(__name__)

SLOWEST = 10.0
"""Seconds in which a body must have come."""

RETRY_AFTER = 10
"""Seconds after which it is worth trying again when Kafka is away."""

_UNKNOWN = "there is no such source"


class Answer(BaseModel):
    """What became of a request."""

    accepted: int
    """Events that Kafka has."""
    events: list[str] = []
    """Their ids."""
    ignored: list[str] = []
    """Why other records in it gave no event."""


class Refusal(BaseModel):
    """Why a request, or a record in it, was not taken."""

    detail: str
    accepted: int = 0
    """Events of its other records that Kafka has: sent again, they change nothing."""


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Answer,
        "description": "Nothing to do; or an outbound message of Salesforce is taken.",
        "content": {"text/xml": {"schema": {"type": "string"}}},
    },
    **{
        status: {"model": Refusal, "description": text}
        for status, text in {
            400: "The body cannot be read.",
            401: "The request does not prove who sent it.",
            403: "The sender may not send this.",
            404: "There is no such source.",
            408: "The body came too slowly.",
            413: "The body is too large.",
            415: "The body is not of a type that the source sends.",
            422: "A record in the body cannot be taken; the others were.",
            429: "More than the source's rate; see Retry-After.",
            503: "Kafka did not acknowledge; nothing is claimed. See Retry-After.",
        }.items()
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "What the source sends.",
        "content": {
            "application/json": {"schema": {}},
            "application/cloudevents+json": {"schema": {"type": "object"}},
            "application/cloudevents-batch+json": {"schema": {"type": "array"}},
            "text/xml": {"schema": {"type": "string"}},
        },
    }
}


class Counters:
    """What can be watched of the intake."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "tahvil_intake_requests",
            "Webhooks by what became of them: accepted, ignored, refused, stranger, limited, "
            "unavailable",
            ["source", "outcome"],
            registry=registry,
        )
        self.events = Counter(
            "tahvil_intake_events",
            "Events that Kafka acknowledged",
            ["source"],
            registry=registry,
        )


@dataclass(frozen=True, kw_only=True)
class Door:
    """Takes webhooks."""

    sources: Mapping[str, Source]
    batches: Batches
    now: Callable[[], datetime]
    counters: Counters
    limiter: FixedWindowRateLimiter = field(
        default_factory=lambda: FixedWindowRateLimiter(MemoryStorage())
    )
    stranger: Check = field(default_factory=lambda: StandardWebhooks([Webhook(token_bytes(32))]))
    """Checks what comes for sources that are not there: as much work as for one that is."""

    async def take(self, request: Request, name: str, in_path: str) -> Response:
        """Answer one request."""
        source = self.sources.get(name)
        label = source.name if source else "unknown"
        try:
            body = await self._known(request, source, in_path)
            assert source is not None  # noqa: S101 - else it was refused
            taken = _read(source, request, body)
        except Refused as refusal:
            stranger = refusal.status in (401, 404)
            return self._refuse(label, refusal, "stranger" if stranger else "refused")
        except _Limited as limited:
            self.counters.requests.labels(label, "limited").inc()
            reason = f"more than {source.rate if source else 'it may'}"
            return _failure(429, reason, retry_after=limited.seconds)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        return await self._answer(source, taken)

    async def _known(self, request: Request, source: Source | None, in_path: str) -> bytes:
        """The body, once it is known who sent it."""
        check = source.check if source else self.stranger
        knock = Knock(
            method=request.method,
            target=_target(request),
            headers=request.headers,
            in_path=in_path,
            body=b"",
        )
        if not check.signs_body:
            self._believe(check, knock, source)
        body = await _body(request)
        if check.signs_body:
            signed = Knock(knock.method, knock.target, knock.headers, in_path, body)
            self._believe(check, signed, source)
        assert source is not None  # noqa: S101 - nobody has the stranger's secret
        if not await self.limiter.hit(source.rate, source.name):
            window = await self.limiter.get_window_stats(source.rate, source.name)
            raise _Limited(max(1, math.ceil(window.reset_time - time.time())))
        return body

    def _believe(self, check: Check, knock: Knock, source: Source | None) -> None:
        doubt = check.doubt(knock, self.now())
        if source is None:
            raise Refused(404, _UNKNOWN)
        if doubt == _UNKNOWN:  # a wrong secret in an address is a wrong address
            raise Refused(404, _UNKNOWN)
        if doubt:
            raise Refused(401, doubt)

    async def _answer(self, source: Source, taken: Taken) -> Response:
        accepted = len(taken.events)
        if accepted:
            try:
                await self.batches.publish([to_message(event) for event in taken.events])
            except Transient as error:
                self.counters.requests.labels(source.name, "unavailable").inc()
                log.warning("intake.unavailable", source=source.name, reason=str(error))
                return _failure(
                    503, "Kafka did not acknowledge; send it again", retry_after=RETRY_AFTER
                )
            self.counters.events.labels(source.name).inc(accepted)
        soap = source.mapped is not None and source.mapped.reads == "soap"
        if taken.refused:
            refusal = Refused(422, _told(taken.refused))
            return self._refuse(source.name, refusal, "refused", accepted=accepted)
        self.counters.requests.labels(source.name, "accepted" if accepted else "ignored").inc()
        if soap:
            return Response(_ACK, media_type="text/xml")
        answer = {
            "accepted": accepted,
            "events": [event.id for event in taken.events],
            "ignored": taken.ignored,
        }
        return _json(202 if accepted else 200, answer)

    def _refuse(self, label: str, refusal: Refused, outcome: str, accepted: int = 0) -> Response:
        self.counters.requests.labels(label, outcome).inc()
        if outcome == "refused":
            log.warning(
                "intake.refused", source=label, status=refusal.status, reason=refusal.reason
            )
        response = _failure(refusal.status, refusal.reason, accepted=accepted)
        if refusal.status == 401:
            response.headers["www-authenticate"] = "Basic"
        return response


class _Limited(Exception):
    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class _Straight(APIRoute):
    """A route whose function is handed the request and the parts of its path, and nothing else.

    What FastAPI does besides (dependencies, stacks of what they open) costs 100 us a webhook.
    """

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods and scope["method"] not in self.methods:
            await super().handle(scope, receive, send)  # it says which methods there are
            return
        response: Response = await self.endpoint(Request(scope, receive), **scope["path_params"])
        await response(scope, receive, send)


def build_router(door: Door) -> APIRouter:
    """The intake's routes."""
    router = APIRouter(route_class=_Straight)
    named = Annotated[str, Path(description="name of the source")]

    @router.post(
        "/intake/{source}",
        status_code=202,
        response_model=Answer,
        responses=_RESPONSES,
        openapi_extra=_BODY,
    )
    async def take(request: Request, source: named) -> Response:
        """A webhook of a source; answered when Kafka has acknowledged what it says."""
        return await door.take(request, source, "")

    # `path`, so that a slash behind it is not answered by a redirect that repeats the secret.
    @router.post("/intake/{source}/{secret:path}", include_in_schema=False)
    async def take_secretly(request: Request, source: str, secret: str) -> Response:
        return await door.take(request, source, secret)

    return router


def _read(source: Source, request: Request, body: bytes) -> Taken:
    """Events of a body."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "content-encoding: must be left out; compressed bodies are not read")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if source.mapped is None:
        return events.read(source.topics, content_type, request.headers, body)
    if source.mapped.reads == "soap":
        _expect(content_type, bodies.SOAP)
        content = bodies.read_soap(body)
        _belongs(content, source.organizations)
        return source.mapped.apply(content)
    _expect(content_type, bodies.JSON)
    return source.mapped.apply(bodies.read_json(body))


def _expect(content_type: str, known: Sequence[str]) -> None:
    if content_type not in known:
        raise Refused(415, f"content-type: must be {' or '.join(known)}")


def _belongs(content: Mapping[str, Any], organizations: frozenset[str]) -> None:
    if organizations and str(content.get("OrganizationId"))[:15] not in organizations:
        raise Refused(403, "OrganizationId: is none that this source may send for")


async def _body(request: Request) -> bytes:
    too_large = Refused(413, f"the body has more than {LARGEST} bytes")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > LARGEST:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SLOWEST):
            async for part in request.stream():
                size += len(part)
                if size > LARGEST:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise Refused(408, f"the body did not come in {SLOWEST:.0f} s") from None
    return b"".join(parts)


def _target(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string", b"")
    return (raw + b"?" + query if query else raw).decode("latin-1")


def _told(refused: Sequence[str]) -> str:
    more = f"; and {len(refused) - 5} more" if len(refused) > 5 else ""
    return "; ".join(refused[:5]) + more


def _failure(
    status: int, reason: str, *, accepted: int = 0, retry_after: int | None = None
) -> Response:
    response = _json(status, {"detail": reason, "accepted": accepted})
    if retry_after is not None:
        response.headers["retry-after"] = str(retry_after)
    return response


def _json(status: int, content: Mapping[str, Any]) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")


_ACK = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    "</notificationsResponse></soapenv:Body></soapenv:Envelope>"
)
