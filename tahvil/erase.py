"""The commands `tahvil erase …`. The work is in `erasing` and `proving`."""

import asyncio
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from shared.clock import utc_now
from shared.contracts.event import Event
from shared.contracts.topics import Topic
from shared.errors import Misconfigured
from tahvil import erasing, proving
from tahvil.erasing import Company, Known
from tahvil.proving import Did
from tahvil.publishing import messages, publish
from tahvil.reading import events
from tahvil.running import DATA

erase_app = typer.Typer(no_args_is_help=True, help="Forget a person, and prove it.")
console = Console()

Data = Annotated[Path, typer.Option("--data", help="folder of the embedded servers' data")]
AskedBy = Annotated[str | None, typer.Option(help="ticket or case number; nothing personal")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask for confirmation")]
Wait = Annotated[
    float | None, typer.Option("--wait", help="seconds to wait for the services, and for proof")
]
Names = Annotated[list[str] | None, typer.Option("--name", help="may be given more than once")]
Mails = Annotated[list[str] | None, typer.Option("--email", help="may be given more than once")]
Phones = Annotated[list[str] | None, typer.Option("--phone", help="may be given more than once")]


@erase_app.command()
def person(
    person_id: str,
    *,
    name: Names = None,
    email: Mails = None,
    phone: Phones = None,
    asked_by: AskedBy = None,
    yes: Yes = False,
    wait: Wait = None,
    data: Data = DATA,
) -> None:
    """Forget somebody of the directory, who has left with it. Former names can be given, too."""
    company = erasing.company(data)
    found, last = erasing.person(person_id, asyncio.run(events(company.kafka, Topic.DIRECTORY)))
    known = found | _known(name, email, phone)
    roles = ", ".join(role.value for role in last.roles) or "no role"
    console.print(f"{person_id}: {roles}. The directory tells of {known.told()}.", soft_wrap=True)
    console.print(
        "Erased for good are: name, addresses, absences, links, messages that wait. The id stays, "
        "and every figure. Accounts and deadlines go to others, as when somebody leaves.",
        soft_wrap=True,
    )
    erasure_id = _confirmed(yes=yes)
    said = erasing.person_erased(
        last, known, company.digests, at=utc_now(), erasure_id=erasure_id, asked_by=asked_by
    )
    _said(company, said, erasure_id, known, wait)


@erase_app.command()
def contact(
    account: Annotated[str, typer.Option(help="id of the customer")],
    *,
    name: Names = None,
    email: Mails = None,
    phone: Phones = None,
    asked_by: AskedBy = None,
    yes: Yes = False,
    wait: Wait = None,
    data: Data = DATA,
) -> None:
    """Forget a person at a customer, known by any of name, mail address and number."""
    company = erasing.company(data)
    given = _known(name, email, phone)
    if not given.values:
        raise Misconfigured("whom? Give --email, --phone or --name; the more, the more is found")
    known, deals = asyncio.run(erasing.contact(account, given, company))
    console.print(
        f"{account}: Kafka's deals tell of this contact {deals} times, by {known.told()}."
        if deals
        else f"{account}: no deal that Kafka still has tells of this contact. Packages that were "
        "filled in on handoff's pages are in its database only.",
        soft_wrap=True,
    )
    console.print(
        "Erased for good are: the contact in all packages, and in all texts about the customer. "
        "Erase it in the CRM first: what that says from now on is news.",
        soft_wrap=True,
    )
    erasure_id = _confirmed(yes=yes)
    said = erasing.contact_erased(
        account, known, company.digests, at=utc_now(), erasure_id=erasure_id, asked_by=asked_by
    )
    did = _said(company, said, erasure_id, known, wait)
    if did and all(one.done for one in did) and not any(one.removed for one in did):
        console.print(
            "Nothing matched: no service had anything of this contact. Look at the spelling, and "
            "at the id of the customer.",
            soft_wrap=True,
        )
        sys.exit(1)


@erase_app.command()
def status(
    erasure: Annotated[str | None, typer.Argument(help="id of an erasure; none: all")] = None,
    data: Data = DATA,
) -> None:
    """Show the services' records of erasures: what was removed, and when it was done."""
    did = asyncio.run(proving.standing(erasing.company(data), erasure))
    _show(did)
    if erasure and not all(one.done for one in did):
        sys.exit(1)


@erase_app.command()
def verify(
    *,
    name: Names = None,
    email: Mails = None,
    phone: Phones = None,
    value: Annotated[list[str] | None, typer.Option(help="any other text")] = None,
    data: Data = DATA,
) -> None:
    """Look for literal values in every collection of all databases, and in Kafka."""
    values = (*_known(name, email, phone).values, *(value or ()))
    if not values:
        raise Misconfigured("what is to be looked for? Give --name, --email, --phone or --value")
    if not _proof(erasing.company(data), values):
        sys.exit(1)


def _known(names: list[str] | None, mails: list[str] | None, phones: list[str] | None) -> Known:
    return Known(frozenset(names or ()), frozenset(mails or ()), frozenset(phones or ()))


def _confirmed(*, yes: bool) -> str:
    """Id of a new erasure, once the operator is sure."""
    if not yes and not typer.confirm("This cannot be undone. Erase?"):
        raise Misconfigured("nothing is erased")
    return f"{utc_now():%Y%m%d}-{secrets.token_hex(4)}"


def _said(
    company: Company, said: Sequence[Event], erasure_id: str, known: Known, wait: float | None
) -> list[Did]:
    """Publish; show what became of it if that is waited for."""
    asyncio.run(publish(company.kafka, messages(said)))
    console.print(f"Erasure {erasure_id} is published.")
    if wait is None:
        console.print(f"How it goes: tahvil erase status {erasure_id}")
        return []
    with console.status("The services are at work…"):
        did = asyncio.run(proving.waited(company, erasure_id, wait))
    _show(did)
    clean = _proof(company, known.values)
    if not clean or not all(one.done for one in did):
        console.print(f"Not done. Look again: tahvil erase status {erasure_id}")
        sys.exit(1)
    return did


def _show(did: Sequence[Did]) -> None:
    table = Table("service", "erasure", "of", "asked by", "documents removed from", "done")
    for one in did:
        if one.records is None:
            table.add_row(one.service, "does not answer", "", "", "", "?")
        for record in one.records or ():
            removed = ", ".join(f"{n} {c}" for n, c in record["removed"].items() if c)
            table.add_row(
                one.service,
                record["id"],
                f"{record['kind']} {record['of']}",
                record["asked_by"] or "",
                removed or "nothing",
                record["done_at"] or "not yet",
            )
        if one.records == []:
            table.add_row(one.service, "has not heard of it", "", "", "", "not yet")
    console.print(table)


def _proof(company: Company, values: Sequence[str]) -> bool:
    """Say what is left where; whether all databases answered and have nothing."""
    with console.status("Looking through every document and record…"):
        left = asyncio.run(proving.searched(company, values))
        kept = asyncio.run(proving.retained(company.kafka, tuple(values)))
    for one in left:
        if one.found is None:
            console.print(f"{one.service}: does not answer, so nothing is proved")
        elif one.found:
            where = ", ".join(f"{name} ({count})" for name, count in one.found.items())
            console.print(f"{one.service}: FOUND in {where}", soft_wrap=True)
        else:
            console.print(f"{one.service}: not found, {one.documents} documents looked through")
    for topic in kept:
        until = (
            f"gone by {topic.until:%Y-%m-%d} at the latest"
            if topic.until
            else "and no setting of the topic says until when"
        )
        console.print(f"Kafka: {topic.records} record(s) of {topic.topic}, {until}", soft_wrap=True)
    if not kept:
        console.print("Kafka: not found in any record that it still has")
    return all(one.found == {} for one in left)
