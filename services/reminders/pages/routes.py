"""Links in messages over HTTP. GET and HEAD change nothing: scanners of mail open every link.

Who has a link is whom it was made for; nobody signs in. Links to act lead to one deadline, the
address of a page to all of one person, the address of a calendar to the same, to be read only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from services.reminders import acts
from services.reminders.acts import Outcome, Refused
from services.reminders.addresses import Addresses
from services.reminders.commands import Commands
from services.reminders.pages import choices
from services.reminders.pages.calendar import calendar
from services.reminders.pages.deadline import detail
from services.reminders.pages.desk import SECRET, Closed, Desk
from services.reminders.pages.mine import groups
from services.reminders.pages.words import NO_TIME, NOBODY, NOT_CHOSEN, SAID
from services.reminders.reading import Place, Reading, Seen
from services.reminders.sending import Recipient
from services.reminders.tokens import Links, Personal
from shared.contracts.values import Id
from shared.pages import moments
from shared.pages.moments import Unreadable

PAGE = 50
IN_CALENDAR = 1000
"""Deadlines in one calendar; of more, those that are due first."""
READ = ["GET", "HEAD"]
ACTS = frozenset(SAID) - {"already"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Through which somebody has come to a deadline."""

    person: Recipient
    base: str
    """Where its forms go to."""
    deadline_id: str
    reminder_id: str | None = None
    """The message the link was in."""

    @property
    def channel(self) -> str:
        """What an acknowledgement says of where it was given."""
        return "link" if self.reminder_id else "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the routes need."""

    desk: Desk
    reading: Reading
    commands: Commands
    addresses: Addresses
    links: Links


def build_router(house: House) -> APIRouter:
    """Everything that links lead to."""
    gate = house.desk.gate

    async def counted(request: Request) -> None:
        if (again := gate.opened(request)) is not None:
            raise Closed("often", again=again)

    paged = house.desk.route_class()
    router = APIRouter(route_class=paged, include_in_schema=False)
    links = APIRouter(route_class=paged, include_in_schema=False, dependencies=[Depends(counted)])
    _act(links, house)
    _mine(links, house)
    _calendar(links, house)
    router.include_router(links)

    @router.api_route("/pages/static/{name}", methods=READ)
    async def static(name: str) -> Response:
        found = house.desk.static(name)
        if found is None:
            raise Closed("forged")
        return found

    return router


def _act(router: APIRouter, house: House) -> None:
    async def door(token: str) -> Door:
        act = house.links.act_of(token, await house.reading.now())
        if act is None:
            raise Closed("forged")
        reminder = await house.reading.reminder(act.reminder_id)
        if reminder is None or reminder.deadline_id is None:
            raise Closed("unknown")
        person = await _known(house, reminder.recipient_id)
        if act.expired or act.number != person.addresses:
            raise Closed("expired" if act.expired else "closed", person)
        return Door(
            person=person,
            base=f"/act/{token}",
            deadline_id=reminder.deadline_id,
            reminder_id=reminder.id,
        )

    @router.api_route("/act/{token}", methods=READ)
    async def show(token: str, do: str = "", said: str = "") -> Response:
        """One deadline; `do`: what the link is for, `said`: what was done just now."""
        come = await door(token)
        return await _shown(house, come, await _seen(house, come), do=do, said=said)

    @router.post("/act/{token}/{what}")
    async def act(request: Request, token: str, what: str) -> Response:
        """Do it, and lead to the deadline; or show there why not."""
        come = await door(token)
        return await _done(house, come, what, await request.form(), back=come.base)


def _mine(router: APIRouter, house: House) -> None:
    async def owner(token: str) -> tuple[Personal, Recipient]:
        address = house.links.page_of(token)
        return await _open(house, address)

    def door(token: str, person: Recipient, deadline_id: str) -> Door:
        return Door(person=person, base=f"/my/{token}", deadline_id=deadline_id)

    @router.api_route("/my/{token}", methods=READ)
    async def show(
        token: str,
        due: datetime | None = None,
        after: Annotated[str, Query(max_length=128)] = "",
        said: str = "",
    ) -> Response:
        """All deadlines of one person; `due` and `after`: where the page before ended."""
        address, person = await owner(token)
        reader = house.desk.reader(person, await house.reading.now())
        place = _place(due, after)
        cases = await house.reading.mine(person.id, place, PAGE + 1)
        shown, more = cases[:PAGE], len(cases) > PAGE
        by = sorted({quiet.by for case in shown for quiet in case.quiet})
        last = shown[-1].deadline if more else None
        return house.desk.page(
            "mine.html",
            reader.writer,
            note=reader.writer.say(SAID[said]) if said in SAID else None,
            base=f"/my/{token}",
            name=person.name,
            groups=groups(shown, await house.reading.names(by), reader),
            paged=place is not None,
            next_due=last and last.due_at.isoformat(),
            next_after=last and last.id,
            calendar=house.links.calendar(person.id, address.number),
        )

    @router.api_route("/my/{token}/deadline", methods=READ)
    async def show_one(token: str, id: Id, do: str = "") -> Response:  # noqa: A002
        """One of them. The id may hold anything, so it is no path."""
        _, person = await owner(token)
        come = door(token, person, id)
        return await _shown(house, come, await _seen(house, come), do=do)

    @router.post("/my/{token}/close")
    async def close(token: str) -> Response:
        """Close this address; the new one goes to its owner by a message."""
        address, person = await owner(token)
        if not await house.addresses.close(address):
            raise Closed("closed", person)
        return house.desk.page("address.html", house.desk.writer(person))

    @router.post("/my/{token}/{what}")
    async def act(request: Request, token: str, what: str) -> Response:
        """Do it, and lead back to all of them; or show at the deadline why not."""
        _, person = await owner(token)
        fields = await request.form()
        come = door(token, person, str(fields.get("id", "")))
        return await _done(house, come, what, fields, back=come.base)


def _calendar(router: APIRouter, house: House) -> None:
    @router.api_route("/calendar/{token}.ics", methods=READ)
    async def read(request: Request, token: str) -> Response:
        """The deadlines of one person; 304 when the program has them as they are."""
        address = house.links.calendar_of(token)
        _, person = await _open(house, address)
        now = await house.reading.now()
        cases = await house.reading.mine(person.id, None, IN_CALENDAR)
        content = calendar(cases, now, house.desk.writer(person))
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {**SECRET, "ETag": tag, "Cache-Control": "private, no-cache"}
        known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
        if tag in known or f"W/{tag}" in known:
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
        named = {"Content-Disposition": 'inline; filename="tahvil.ics"'}
        return Response(content, media_type="text/calendar", headers=headers | named)


def _place(due: datetime | None, after: str) -> Place | None:
    try:
        return Place(due.astimezone(UTC), after) if due and due.tzinfo else None
    except OverflowError:  # the first or the last day of all
        raise Closed("unknown") from None


async def _known(house: House, person_id: str) -> Recipient:
    person = await house.reading.person(person_id)
    if person is None:
        raise Closed("stranger")
    return person


async def _open(house: House, address: Personal | None) -> tuple[Personal, Recipient]:
    if address is None:
        raise Closed("forged")
    person = await _known(house, address.person_id)
    if address.number != person.addresses:
        raise Closed("closed", person)
    return address, person


async def _seen(house: House, come: Door) -> Seen:
    """What is at the door. A link in a message says why it opens no more; a page tells nothing."""
    seen = await house.reading.seen(come.deadline_id, come.person.id)
    if seen is None:
        raise Closed("unknown", come.person)
    if not acts.concerns(seen.case, come.person.id):
        raise Closed("foreign" if come.reminder_id else "unknown", come.person)
    return seen


async def _shown(
    house: House,
    come: Door,
    seen: Seen,
    *,
    do: str = "",
    said: str = "",
    refused: str | None = None,
    typed: Mapping[str, str] = MappingProxyType({}),
    code: int = status.HTTP_200_OK,
) -> Response:
    reader = house.desk.reader(come.person, seen.now)
    names = {one.id: one.name for one in seen.world.people.values()}
    colleagues = await house.reading.colleagues(come.person)
    return house.desk.page(
        "deadline.html",
        reader.writer,
        code,
        note=reader.writer.say(SAID[said]) if said in SAID else None,
        refused=reader.sayings.said(refused, reader.writer, names) if refused else None,
        one=detail(seen.case, seen.world, colleagues, reader),
        base=come.base,
        hidden_id=None if come.reminder_id else come.deadline_id,
        mine=house.links.page(come.person.id, come.person.addresses),
        do=do if do in ACTS else "",
        typed=typed,
    )


async def _done(house: House, come: Door, what: str, fields: FormData, *, back: str) -> Response:
    if what not in ACTS:
        raise Closed("forged", come.person)
    seen = await _seen(house, come)
    typed = {name: str(value) for name, value in fields.items()}
    outcome = await _do(house, come, what, typed)
    if isinstance(outcome, Refused):
        seen = await _seen(house, come)  # as it is now, not before somebody else acted
        return await _shown(
            house, come, seen,
            do=what, refused=outcome.reason, typed=typed, code=status.HTTP_409_CONFLICT,
        )  # fmt: skip
    said = what if outcome.case != seen.case else "already"
    return RedirectResponse(f"{back}?said={said}", status.HTTP_303_SEE_OTHER, SECRET)


async def _do(house: House, come: Door, what: str, typed: Mapping[str, str]) -> Outcome:
    commands, deadline, by = house.commands, come.deadline_id, come.person.id
    match what:
        case "done":
            return await commands.done(deadline, by)
        case "acknowledge":
            return await commands.acknowledge(
                deadline, by, channel=come.channel, reminder_id=come.reminder_id
            )
        case "snooze":
            zone = house.desk.writer(come.person).zone
            if offered := typed.get("until"):
                until = choices.offered(offered) or Unreadable(NO_TIME)
            else:
                until = moments.typed(typed.get("day", ""), typed.get("time", ""), zone)
            if isinstance(until, Unreadable):
                return Refused(until.reason)
            return await commands.snooze(deadline, by, until)
        case _:
            to = typed.get("to", "")
            if other := typed.get("other", "").strip():
                to = await house.reading.named(other) or ""
                if not to:
                    return Refused(NOBODY)
            return await commands.hand_on(deadline, by, to) if to else Refused(NOT_CHOSEN)
