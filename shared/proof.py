"""What a service did about erasures, and what its database still has, over HTTP: for `ops`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, SecretStr, StringConstraints

from shared.eraser import Eraser
from shared.erasure import readable
from shared.http import STRANGER, guard
from shared.identities import numbered, plain
from shared.mongo import Database, names, stream, unpack

_FEWEST = 7  # digits of what is also looked for as a number


class RecordView(BaseModel):
    """What was done about one erasure."""

    id: str
    kind: str
    of: str
    asked_by: str | None
    heard_at: datetime
    removed: Mapping[str, int]
    done_at: datetime | None


class Wanted(BaseModel):
    """What nothing may be left of."""

    values: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=2, max_length=254)], ...],
        Field(min_length=1, max_length=100),
    ]


class Found(BaseModel):
    """Documents that have any of the values, by collection and field; nothing: none is left."""

    found: Mapping[str, int]
    documents: int
    """How many were looked through."""


def build_router(database: Database, eraser: Eraser, password: SecretStr) -> APIRouter:
    """Values are sent in bodies: addresses stand in logs of proxies."""
    router = APIRouter(
        dependencies=[Depends(guard(password))], prefix="/erasures", responses={**STRANGER}
    )

    @router.get("")
    async def records(erasure: str | None = None) -> list[RecordView]:
        return [RecordView(**asdict(one)) for one in await eraser.records(erasure)]

    @router.post("/search")
    async def search(wanted: Wanted) -> Found:
        return await searched(database, wanted.values)

    return router


async def searched(database: Database, values: tuple[str, ...]) -> Found:
    """Look through every document of every collection."""
    found: Counter[str] = Counter()
    count = 0
    for name in await names(database):
        async for row in stream(database[name], {}, sort=[("_id", 1)]):
            count += 1
            found.update({f"{name}.{path}" for path, text in texts(row) if has(text, values)})
    return Found(found=dict(sorted(found.items())), documents=count)


def has(text: str, values: tuple[str, ...]) -> bool:
    """Whether a text has any of the values, however they are spelled."""
    bare = plain(text)
    digits = numbered(text)
    return any(
        plain(value) in bare
        or (not any(map(str.isalpha, value)) and _is_number(value) and numbered(value) in digits)
        for value in values
    )


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """All that can be read in a document, and where; also in what is packed and in raw records."""
    match value:
        case str():
            yield path, value
        case bytes() if path.endswith("packed"):
            yield from texts(unpack(value), f"{path}.message")
        case bytes():
            yield path, readable(value)
        case Mapping():
            for name, one in value.items():
                yield path, name
                yield from texts(one, f"{path}.{name}" if path else name)
        case list() | tuple():
            for one in value:
                yield from texts(one, path)
        case _:
            return


def _is_number(value: str) -> bool:
    return len(numbered(value)) >= _FEWEST
