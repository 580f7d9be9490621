"""The command `tahvil`. Each command is a few lines; the work is in the modules beside this one."""

import asyncio
import json
import logging
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args
from urllib.error import HTTPError
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from services.handoff.config import RulesSettings
from services.reminders import files
from services.reminders.config import RulesSettings as EscalationSettings
from shared.clock import utc_now
from shared.contracts.cloudevents import Skipped, Unreadable, decode
from shared.contracts.deadlines import DeadlineSet
from shared.contracts.directory import Tier
from shared.contracts.topics import SERVICES, Topic
from shared.errors import Misconfigured, Transient
from shared.http import USER
from shared.outbox import Message
from tahvil import (
    assigning,
    checklists,
    crm,
    dead_letters,
    erasing,
    escalating,
    intake,
    rebuilding,
    team,
)
from tahvil.demo import bar, demo
from tahvil.erase import erase_app
from tahvil.provision import ProvisionSettings, provision
from tahvil.publishing import messages, publish
from tahvil.reading import events
from tahvil.running import DATA, Running, client, everything
from tahvil.watching import fetch, standings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
letters_app = typer.Typer(no_args_is_help=True, help="Records that a service set aside.")
team_app = typer.Typer(no_args_is_help=True, help="The people the services know.")
assign_app = typer.Typer(no_args_is_help=True, help="Who gets which account, and why.")
checklist_app = typer.Typer(no_args_is_help=True, help="What is to be done after a deal.")
policy_app = typer.Typer(no_args_is_help=True, help="Who hears of a deadline, and when.")
reporting_app = typer.Typer(no_args_is_help=True, help="The figures.")
app.add_typer(erase_app, name="erase")
app.add_typer(reporting_app, name="reporting")
app.add_typer(policy_app, name="policy")
intake_app = typer.Typer(no_args_is_help=True, help="Webhooks of other systems.")
app.add_typer(intake_app, name="intake")
app.add_typer(letters_app, name="dead-letters")
app.add_typer(assign_app, name="assign")
app.add_typer(team_app, name="team")
app.add_typer(checklist_app, name="checklist")
console = Console()

Data = Annotated[Path, typer.Option("--data", help="folder of the embedded servers' data")]
Service = Annotated[str, typer.Argument(help=" | ".join(SERVICES))]


def main() -> None:
    """Run a command; what the operator can mend is one line and exit code 1."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # we say it in our own words
    try:
        app()
    except (Misconfigured, Transient) as error:
        sys.stderr.write(f"tahvil: {error}\n")
        sys.exit(1)


@app.command()
def up(data: Data = DATA) -> None:
    """Run everything here: Kafka, MongoDB, a mail catcher, the three services. Ctrl-C stops all."""
    asyncio.run(_up(data.resolve()))


async def _up(data: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console.print("Starting Kafka, MongoDB and the services…")
    async with everything(data) as running:
        console.print(f"Kafka     {running.kafka}")
        for name, door in running.doors.items():
            console.print(f"{name:<9} {door}   log: {data / 'logs' / name}.log", soft_wrap=True)
        console.print(f"mail      {running.mail}", soft_wrap=True)
        console.print(f"password  {running.password}   (user {USER}: figures and metrics)")
        console.print("Ctrl-C stops everything.")
        await stop.wait()
        console.print("Stopping…")


@app.command(name="demo")
def run_demo(data: Data = DATA / "demo") -> None:
    """Import the example CRM into a running system and show what came out."""
    asyncio.run(demo(data.resolve(), console))


@app.command(name="provision")
def run_provision() -> None:
    """Make the Kafka topics that are missing."""
    made = asyncio.run(provision(ProvisionSettings.read()))
    console.print(f"made {', '.join(made)}" if made else "all topics are there")


@app.command()
def import_crm(
    folder: Annotated[Path, typer.Argument(help="folder of the CSVs, e.g. examples/crm")],
    data: Data = DATA,
) -> None:
    """Publish the closed opportunities of a CRM export as deal events."""
    deals = crm.read(folder)
    with bar() as progress:
        _publish(progress, "Publishing deals", messages(deals), data)


@app.command(name="publish")
def publish_file(
    file: Annotated[Path, typer.Argument(help="one CloudEvent in JSON a line")],
    topic: Annotated[str, typer.Option(help="topic the events belong to")],
    data: Data = DATA,
) -> None:
    """Publish CloudEvents of a file. Nothing is published unless every line is in order."""
    found = []
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(decode(topic, line, []))
        except (Unreadable, Skipped) as error:
            raise Misconfigured(f"{file}, line {number}: {error.reason}") from None
    with bar() as progress:
        _publish(progress, "Publishing", messages(found), data)


@team_app.command("publish")
def publish_team(
    file: Annotated[Path, typer.Argument(help="team.yaml")],
    again: Annotated[list[str] | None, typer.Option(help="who was erased and is back")] = None,
    data: Data = DATA,
) -> None:
    """Publish everybody in a team file to the directory."""
    people = team.read(file, utc_now())
    erasing.back(people, asyncio.run(events(client(data), Topic.DIRECTORY)), again or ())
    with bar() as progress:
        _publish(progress, "Publishing people", messages(people), data)


@app.command()
def status(data: Data = DATA) -> None:
    """Show each service's lag, outbox and dead letters."""
    settings, running = client(data), Running.find(data)
    doors, password = (running.doors, running.password) if running else ({}, "")
    table = Table("service", "ready", "lag", "outbox waiting", "oldest (s)", "dead letters")
    for name, now in asyncio.run(standings(settings, doors, password)).items():
        known = now.ready is not None
        table.add_row(
            name,
            {True: "yes", False: "no", None: "?"}[now.ready],
            str(now.lag),
            str(now.outbox_waiting) if known else "?",
            f"{now.outbox_age:.0f}" if known else "?",
            str(now.dead_letters),
        )
    console.print(table)


@assign_app.command()
def explain(handoff: str, data: Data = DATA) -> None:
    """Say why a handoff went to whom it went, and why nobody else got it."""
    running = Running.find(data)
    if running is None:
        raise Misconfigured(f"nothing runs with {data}: start it with `tahvil up`")
    address = f"{running.doors['handoff']}/handoffs/{quote(handoff, safe='')}/explanation"
    try:
        content = fetch(address, running.password)
    except HTTPError as error:
        raise Misconfigured(f"{json.loads(error.read())['detail']}") from None
    for line in assigning.explained(json.loads(content)):
        console.print(line)


@assign_app.command(name="simulate")
def run_simulation(
    directory: Annotated[Path, typer.Option(help="the other team file")],
    crm_folder: Annotated[
        Path | None, typer.Option("--crm", help="take the deals of a CRM export, not of Kafka")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="compare with this team file, not with the directory")
    ] = None,
    data: Data = DATA,
) -> None:
    """Replay past deals with another directory and show the difference. Changes nothing."""
    beginning = datetime(1970, 1, 1, tzinfo=UTC)
    deals = crm.read(crm_folder) if crm_folder else asyncio.run(events(client(data), Topic.DEALS))
    people = (
        team.read(against, beginning)
        if against
        else asyncio.run(events(client(data), Topic.DIRECTORY))
    )
    rules = RulesSettings().rules()
    now = assigning.simulate(people, deals, rules)
    other = assigning.simulate(team.read(directory, beginning), deals, rules)
    console.print(assigning.compared(now, other))
    for line in assigning.told(now, other):
        console.print(line)


@checklist_app.command()
def check(file: Annotated[Path, typer.Argument(help="a YAML file, or a folder of them")]) -> None:
    """Say all that is wrong with checklists, each fault with its line."""
    faults, found = checklists.check(file)
    for fault in faults:
        console.print(fault, markup=False, highlight=False, soft_wrap=True)
    if faults:
        sys.exit(1)
    console.print(f"in order: {found}")


@checklist_app.command()
def preview(  # noqa: PLR0917 - options are what it takes
    file: Annotated[Path, typer.Argument(help="a YAML file, or a folder of them")],
    closed: Annotated[str, typer.Option(help="when the deal was closed: 2026-11-24")],
    product: Annotated[list[str] | None, typer.Option(help="may be given more than once")] = None,
    amount: Annotated[str | None, typer.Option(help='with its currency: "10000 EUR"')] = None,
    tier: Annotated[str, typer.Option(help=" | ".join(checklists.TIERS))] = "regional",
    kind: Annotated[str, typer.Option(help=" | ".join(checklists.KINDS))] = "new",
    language: str | None = None,
    country: str | None = None,
    region: str | None = None,
    industry: str | None = None,
    assigned: Annotated[str | None, typer.Option(help="when; at once if not given")] = None,
    accepted: Annotated[str | None, typer.Option(help="when; not yet if not given")] = None,
) -> None:
    """Show which checklist a deal would get, and why, and when each step would be due."""
    found = checklists.read(file)
    about = {"language": language, "country": country, "region": region, "industry": industry}
    deal = checklists.deal(kind, tier, amount, product or [], about)
    for line in checklists.reasons(found, deal):
        console.print(line, markup=False, highlight=False)
    moments = checklists.Moments(closed, assigned, accepted)
    console.print(checklists.preview(found, deal, moments, RulesSettings().working()))


@policy_app.command("check")
def check_policy(file: Annotated[Path, typer.Argument(help="policies.yaml")]) -> None:
    """Read a file of escalation policies, or say which line is wrong and what to write."""
    console.print(escalating.checked(files.policies(file)))


@policy_app.command("preview")
def preview_policy(
    file: Annotated[Path, typer.Argument(help="policies.yaml")],
    *,
    deadline: Annotated[str, typer.Option(help="due time, e.g. 2026-12-01T12:00+03:30")],
    owner: Annotated[str, typer.Option(help="id of whoever must have done it")],
    directory: Annotated[Path | None, typer.Option(help="team.yaml; none: made-up people")] = None,
    calendars: Annotated[Path | None, typer.Option(help="calendars.yaml")] = None,
    title: Annotated[str, typer.Option(help="of the deadline")] = "A deadline",
    step: Annotated[str | None, typer.Option(help="of the deadline")] = None,
    kind: Annotated[str | None, typer.Option(help="of the deadline")] = None,
    tier: Annotated[str | None, typer.Option(help="of its account")] = None,
    source: Annotated[str, typer.Option(help="who set it")] = "/tahvil/handoff",
    salesperson: Annotated[str | None, typer.Option(help="id")] = None,
) -> None:
    """Draw who hears what and when if nobody does anything. Needs no running system."""
    if tier not in (None, *get_args(Tier)):
        raise Misconfigured(f"--tier: {', '.join(get_args(Tier))}")
    settings = EscalationSettings()
    world = settings.model_copy(
        update={"policies": file, "calendars": calendars or settings.calendars}
    ).world()
    if directory:
        known = escalating.people(team.read(directory, utc_now()))
        world = escalating.in_directory(world, known, owner, str(directory))
    else:
        world = escalating.standing_in(world, owner)
    due = escalating.instant(deadline)
    fields = {
        "deadline_id": "preview", "subject_id": "preview", "title": title, "owner_id": owner,
        "due_at": due, "set_at": datetime(1, 1, 1, tzinfo=UTC), "step": step, "kind": kind,
        "tier": tier, "salesperson_id": salesperson,
    }  # fmt: skip
    policy, heard = escalating.preview(world, DeadlineSet.model_validate(fields), source)
    console.print(f"Policy: {policy.name}, version {policy.version}")
    console.print(escalating.drawn(heard, due))


@intake_app.command(name="try")
def try_mapping(
    mapping: Annotated[str, typer.Argument(help="shipped mapping, or a file such as ./own.yaml")],
    file: Annotated[Path, typer.Argument(help="a payload as the system sends it")],
    sources: Annotated[
        Path | None, typer.Option("--intake", help="intake file; MAPPING is a source in it")
    ] = None,
) -> None:
    """Show the events that a payload would become, or why there are none."""
    taken = intake.attempt(mapping, file, sources)
    for event in taken.events:
        sys.stdout.write(f"{intake.shown(event)}\n")
    for reason in taken.ignored:
        console.print(f"ignored: {reason}", markup=False, highlight=False, soft_wrap=True)
    if taken.refused:
        raise Misconfigured(f"refused: {'; '.join(taken.refused)}")


@reporting_app.command()
def rebuild(
    *,
    check_only: Annotated[bool, typer.Option("--check", help="compare, switch to nothing")] = False,
    partial: Annotated[bool, typer.Option(help="though Kafka has deleted records")] = False,
    yes: Annotated[bool, typer.Option(help="switch though figures differ")] = False,
    data: Data = DATA,
) -> None:
    """Make all figures anew from the topics, compare, and switch to them. Can be interrupted."""
    values = rebuilding.settings(data)
    made = rebuilding.rebuild(values, console, check=check_only, partial=partial, yes=yes)
    if not asyncio.run(made):
        sys.exit(1)


@letters_app.command("list")
def list_letters(service: Service, data: Data = DATA) -> None:
    """List a service's dead letters."""
    table = Table("id", "at", "cause", "reason")
    for letter in asyncio.run(dead_letters.read(client(data), _known(service))):
        about = letter.about
        table.add_row(letter.id, about.get("at"), about.get("cause"), about.get("reason"))
    console.print(table)


@letters_app.command()
def show(service: Service, letter: str, data: Data = DATA) -> None:
    """Show a dead letter whole: why, headers, key and value as they came."""
    found = asyncio.run(dead_letters.find(client(data), _known(service), letter))
    for name, value in found.about.items():
        console.print(f"{name}: {value}", markup=False, highlight=False)
    for header, content in found.headers:
        console.print(f"header {header}: {content!r}", markup=False, highlight=False)
    console.print(f"key: {found.key!r}\nvalue: {found.value!r}", markup=False, highlight=False)


@letters_app.command()
def replay(service: Service, letter: str, data: Data = DATA) -> None:
    """Publish a dead letter again, for the service that set it aside; no other reads it.

    What tells of somebody who was erased is not published.
    """
    company = erasing.company(data)
    found = asyncio.run(dead_letters.find(company.kafka, _known(service), letter))
    directory = asyncio.run(events(company.kafka, Topic.DIRECTORY))
    erasing.refuse(found.document, directory, company.keys)
    asyncio.run(publish(company.kafka, [found.replay()]))
    console.print(f"{letter} is on {found.about['topic']} again, for {service}")


def _publish(progress: Progress, title: str, records: list[Message], data: Path) -> None:
    task = progress.add_task(title, total=len(records))
    asyncio.run(publish(client(data), records, lambda count: progress.advance(task, count)))


def _known(service: str) -> str:
    if service not in SERVICES:
        raise Misconfigured(f"no service {service!r}: {', '.join(SERVICES)}")
    return service
