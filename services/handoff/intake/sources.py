"""The sources of the intake, as the operator set them up in one YAML file.

    public_url: https://hooks.example.com         # what HubSpot was told; others do without
    sources:
      pipedrive:
        authentication: {kind: basic, user: tahvil, secrets: [pipedrive]}
        mapping: pipedrive                        # of this package, or a file beside this one
        with: {owners: {"123": sam}}
        rate: 100/second

Secrets are named here and kept elsewhere: `pipedrive` is the variable
TAHVIL_INTAKE_SECRET_PIPEDRIVE or the secret file tahvil_intake_secret_pipedrive.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from limits import RateLimitItem, parse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.handoff.intake import mapping, signatures
from services.handoff.intake.mapping import Mapped
from services.handoff.intake.rules import Wrong
from services.handoff.intake.signatures import Check
from shared.contracts.topics import INTAKE, Topic
from shared.errors import Misconfigured

SHIPPED = Path(__file__).parent / "mappings"
CLOUDEVENTS = "cloudevents"
"""Instead of a mapping: the source speaks our own language."""

_NAME = r"[a-z0-9][a-z0-9-]{0,39}"
_IN_PATH = re.compile(r"[A-Za-z0-9_-]{32,128}")
_SHORTEST = 16  # characters of a secret

SecretNamed: TypeAlias = Callable[[str], str | None]
"""The value of a secret by its name; none: nobody gave it one."""
Secrets: TypeAlias = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")], ...], Field(min_length=1)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ByStandardWebhooks(_Strict):
    """Standard Webhooks."""

    kind: Literal["standard-webhooks"]
    secrets: Secrets


class ByHubSpot(_Strict):
    """HubSpot's signature, version 3."""

    kind: Literal["hubspot"]
    secrets: Secrets


class ByBasic(_Strict):
    """User and password."""

    kind: Literal["basic"]
    user: Annotated[str, Field(min_length=1, max_length=100, pattern="^[^:]+$")]
    secrets: Secrets


class ByHeader(_Strict):
    """A secret in a header."""

    kind: Literal["header"]
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")]
    secrets: Secrets


class ByPath(_Strict):
    """A secret in the address."""

    kind: Literal["path"]
    secrets: Secrets


Authentication: TypeAlias = Annotated[
    ByStandardWebhooks | ByHubSpot | ByBasic | ByHeader | ByPath, Field(discriminator="kind")
]


class SourceFile(_Strict):
    """What the file says of a source."""

    authentication: Authentication
    mapping: str
    values: dict[str, Any] = Field(default_factory=dict, alias="with")
    topics: tuple[Topic, ...] = ()
    rate: str = "100/second"
    organizations: tuple[Annotated[str, Field(pattern="^00D[A-Za-z0-9]{12,15}$")], ...] = ()


class IntakeFile(_Strict):
    """The whole file."""

    public_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    sources: dict[Annotated[str, Field(pattern=f"^{_NAME}$")], SourceFile] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A system that sends webhooks."""

    name: str
    check: Check
    mapped: Mapped | None
    """None: it sends CloudEvents of ours."""
    topics: frozenset[Topic]
    rate: RateLimitItem
    organizations: frozenset[str]
    """Salesforce organizations whose messages are taken, by their 15 characters; none: any."""


def read(file: Path, secret: SecretNamed) -> Mapping[str, Source]:
    """All sources by name. `Misconfigured` names file, place and what to write."""
    content = parsed(file)
    return {
        name: _source(name, one, content.public_url, file, secret)
        for name, one in content.sources.items()
    }


def parsed(file: Path) -> IntakeFile:
    """The file, with neither secrets nor mappings looked up."""
    try:
        return IntakeFile.model_validate(_yaml(file))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise Misconfigured(f"{file}: {place or 'it'}: {fault['msg']}") from None


def mapped(name: str, values: Mapping[str, Any], *, source: str, beside: Path) -> Mapped:
    """A mapping that is shipped, by its name, or a file in the folder `beside`."""
    shipped = re.fullmatch(_NAME, name) is not None
    file = SHIPPED / f"{name}.yaml" if shipped else beside / name
    if shipped and not file.is_file():
        known = ", ".join(sorted(one.stem for one in SHIPPED.glob("*.yaml")))
        raise Misconfigured(f"there is no mapping {name!r}: {known}, or a file such as ./own.yaml")
    try:
        return mapping.read(_yaml(file), source=source, terms=values, name=file.name)
    except Wrong as error:
        raise Misconfigured(f"source {source!r}: {error}") from None


def _source(
    name: str, written: SourceFile, public_url: str | None, file: Path, secret: SecretNamed
) -> Source:
    where = f"{file}: source {name!r}"
    if written.mapping == CLOUDEVENTS:
        own = None
        topics = frozenset(written.topics)
        if not topics or topics - set(INTAKE):
            raise Misconfigured(
                f"{where}: topics: name the ones it may publish to: {', '.join(INTAKE)}"
            )
    else:
        own = mapped(written.mapping, written.values, source=name, beside=file.parent)
        topics = frozenset(written.topics or (Topic.DEALS,))
        if unnamed := own.topics - topics:
            raise Misconfigured(f"{where}: topics: the mapping makes events of {min(unnamed)}, too")
    try:
        rate = parse(written.rate)
    except ValueError:
        raise Misconfigured(f"{where}: rate: must be such as 100/second or 600/minute") from None
    return Source(
        name=name,
        check=_check(written.authentication, public_url, where, secret),
        mapped=own,
        topics=topics,
        rate=rate,
        organizations=frozenset(one[:15] for one in written.organizations),
    )


def _check(by: Authentication, public_url: str | None, where: str, secret: SecretNamed) -> Check:
    values = [_secret(name, where, secret) for name in by.secrets]
    match by:
        case ByStandardWebhooks():
            try:
                return signatures.StandardWebhooks.of(values)
            except ValueError as error:
                raise Misconfigured(f"{where}: a secret {error}") from None
        case ByHubSpot():
            if public_url is None:
                raise Misconfigured(
                    f"{where}: public_url is needed: HubSpot signs the address it was told"
                )
            return signatures.HubSpot(values, public_url.rstrip("/"))
        case ByBasic():
            return signatures.Basic(by.user, values)
        case ByHeader():
            return signatures.Header(by.header.lower(), values)
        case ByPath():
            if not all(_IN_PATH.fullmatch(value) for value in values):
                raise Misconfigured(
                    f"{where}: a secret in an address must be 32 to 128 letters and digits, "
                    "such as `openssl rand -hex 32` makes"
                )
            return signatures.Path(values)


def _secret(name: str, where: str, secret: SecretNamed) -> str:
    value = (secret(name) or "").strip()
    if len(value) < _SHORTEST:
        lack = "is missing" if not value else f"must have {_SHORTEST} characters or more"
        raise Misconfigured(
            f"{where}: the secret {name!r} {lack}: set TAHVIL_INTAKE_SECRET_{name.upper()} or the "
            f"secret file tahvil_intake_secret_{name}"
        )
    return value


def _yaml(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: is not YAML: {' '.join(str(error).split())}") from None
