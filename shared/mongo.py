"""MongoDB behind one seam: the only module that knows Motor.

Motor's support has ended; PyMongo's own async client takes its place by changing this file only
(docs/decisions/0002-motor-behind-one-seam.md). So nothing else imports motor or pymongo, and
what the two drivers spell differently (sessions, cursors, closing) is spelled here once.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import bson
import cramjam
from bson import Decimal128
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import (
    ASCENDING,
    DESCENDING,
    DeleteOne,
    IndexModel,
    InsertOne,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
)
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    CollectionInvalid,
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.config import ServiceSettings
from shared.errors import Misconfigured, Transient

__all__ = [
    "ASCENDING",
    "DESCENDING",
    "Collection",
    "Database",
    "Decimal128",
    "DeleteOne",
    "Document",
    "IndexModel",
    "InsertOne",
    "ReplaceOne",
    "Session",
    "UpdateMany",
    "UpdateOne",
]

_READ: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
_RAW = CodecOptions(document_class=RawBSONDocument, tz_aware=True)

_AT_ONCE = 1000
"""Documents that `aggregated` has in memory at most, with as many on their way."""

_IN_ONE_ANSWER = 10_000
"""Documents of a list, or 16 MiB of them. MongoDB sends 101 unless told, and more when asked again:
for who may want no more than those."""

Document: TypeAlias = dict[str, Any]
Database: TypeAlias = AsyncIOMotorDatabase[Document]
Collection: TypeAlias = AsyncIOMotorCollection[Document]
Session: TypeAlias = AsyncIOMotorClientSession
T = TypeVar("T")

CONFLICT_TRIES = 40
"""Tries of a transaction that collides with others. With full jitter up to 0.25 s they last
longer than the 5 s after which the server ends the transaction of a killed client."""

_AUTHENTICATION_FAILED = 18
_UNAUTHORIZED = 13
_DUPLICATE_KEY = 11000
_NAMESPACE_EXISTS = 48
_INDEX_OPTIONS_CONFLICT = 85
_TRANSIENT_CODES = frozenset({6, 7, 50, 89, 91, 112, 189, 202, 251, 262, 9001, 10107, 11600,
                              11602, 13435, 13436})  # fmt: skip
"""Server errors that pass by themselves: unreachable, timeouts, stepdown, shutdown, conflicts."""


def connect(settings: ServiceSettings, service: str) -> Database:
    """The service's database. Connects lazily: `ping` says whether it can be reached."""
    password = settings.mongo_password
    try:
        client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            settings.mongo_uri.get_secret_value(),
            appname=f"tahvil-{service}",
            username=settings.mongo_username,
            password=password.get_secret_value() if password else None,
            tz_aware=True,
            uuidRepresentation="standard",
            w="majority",
            readConcernLevel="majority",
            serverSelectionTimeoutMS=3000,
            socketTimeoutMS=20_000,  # a blackholed server must not hold a batch for minutes
        )
    except (ConfigurationError, ValueError) as error:
        raise Misconfigured(f"TAHVIL_MONGO_URI is not a MongoDB address: {error}") from None
    return client.get_database(settings.mongo_database or service, codec_options=_READ)


async def close(database: Database) -> None:
    """Close the client behind the database. A coroutine, as PyMongo's own is."""
    database.client.close()


async def ping(database: Database) -> None:
    """Ask the server once; `Transient` when away, `Misconfigured` when it will never work."""
    with translated():
        hello = await database.command("hello")
        if "setName" not in hello:
            raise Misconfigured(
                "MongoDB runs without a replica set, so it has no transactions: "
                "start mongod with --replSet and run rs.initiate()"
            )
        await database.list_collection_names()


async def server_time(database: Database) -> datetime:
    """Ask the server's clock: timers trust no other."""
    with translated():
        now: datetime = (await database.command("hello"))["localTime"]
        return now.replace(tzinfo=UTC)  # a command's answer is read without our codec options


@contextmanager
def translated() -> Generator[None]:
    """Turn the driver's errors into ours, at the edge; what is left is a bug."""
    try:
        yield
    except (ConnectionFailure, AutoReconnect, ExecutionTimeout) as error:
        raise Transient(f"MongoDB: {_first_line(error)}") from error
    except OperationFailure as error:
        if error.code in (_AUTHENTICATION_FAILED, _UNAUTHORIZED):
            raise Misconfigured(
                f"MongoDB refuses this user ({_first_line(error)}): "
                "check TAHVIL_MONGO_USERNAME and TAHVIL_MONGO_PASSWORD"
            ) from None
        if error.code in _TRANSIENT_CODES or _labelled(error) or _unconfirmed(error):
            raise Transient(f"MongoDB: {_first_line(error)}") from error
        raise
    except PyMongoError as error:
        if _labelled(error):
            raise Transient(f"MongoDB: {_first_line(error)}") from error
        raise


def _unconfirmed(error: OperationFailure) -> bool:
    """Whether a bulk was written, and a server that is going down could not confirm it."""
    if not isinstance(error, BulkWriteError) or error.details.get("writeErrors"):
        return False
    codes = {one["code"] for one in error.details.get("writeConcernErrors", ())}
    return bool(codes) and codes <= _TRANSIENT_CODES


async def transaction(database: Database, body: Callable[[Session], Awaitable[T]]) -> T:
    """Run `body` in one transaction and commit it, majority written.

    `body` runs again from its beginning when the transaction collides with another, so it must
    keep nothing from a run before. `Transient` after too many collisions or when the outcome of
    the commit is unknown: then what is stored decides, not what this process believes.
    """
    for attempt in range(CONFLICT_TRIES):
        try:
            with translated():
                async with (
                    await database.client.start_session() as session,
                    session.start_transaction(
                        read_concern=ReadConcern("snapshot"),
                        write_concern=WriteConcern("majority"),
                        max_commit_time_ms=10_000,
                    ),
                ):
                    return await body(session)
        except Transient as error:
            if not _collided(error.__cause__) or attempt == CONFLICT_TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0, min(0.25, 0.002 * 2**attempt)))  # noqa: S311
    raise AssertionError  # pragma: no cover - the loop returns or raises


async def find(
    collection: Collection,
    query: Mapping[str, Any],
    *,
    session: Session | None = None,
    projection: Mapping[str, Any] | None = None,
    sort: Sequence[tuple[str, int]] | None = None,
    limit: int = 0,
    hint: Sequence[tuple[str, int]] | None = None,
) -> list[Document]:
    """All documents that match, in one list. `hint`: the index, where MongoDB chooses badly."""
    with translated():
        cursor = collection.find(
            query,
            projection,
            session=session,
            limit=limit,
            batch_size=limit or _IN_ONE_ANSWER,
            hint=hint,
        )
        if sort:
            cursor = cursor.sort(list(sort))
        return await cursor.to_list(None)


async def find_encoded(
    collection: Collection,
    query: Mapping[str, Any],
    *,
    session: Session | None = None,
    projection: Mapping[str, Any] | None = None,
    sort: Sequence[tuple[str, int]] | None = None,
    limit: int = 0,
) -> list[bytes]:
    """All documents that match, as they are stored: what was read before is known by its bytes."""
    encoded: Any = collection.with_options(codec_options=_RAW)
    documents: list[Any] = await find(
        encoded, query, session=session, projection=projection, sort=sort, limit=limit
    )
    return [document.raw for document in documents]


def decoded(document: bytes) -> Document:
    """What `find` would have given."""
    return bson.decode(document, codec_options=_READ)


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Session]:
    """A session whose reads all see the database as it is at the first, for five minutes."""
    with translated():
        async with await database.client.start_session(snapshot=True) as session:
            yield session


async def stream(
    collection: Collection,
    query: Mapping[str, Any],
    *,
    sort: Sequence[tuple[str, int]],
    session: Session | None = None,
) -> AsyncIterator[Document]:
    """All documents that match, one after the other."""
    with translated():
        async for document in collection.find(query, session=session).sort(list(sort)):
            yield document


async def aggregate(
    collection: Collection, pipeline: Sequence[Mapping[str, Any]]
) -> list[Document]:
    """All results of a pipeline, in one list."""
    with translated():
        return await collection.aggregate(pipeline, batchSize=_IN_ONE_ANSWER).to_list(None)


async def aggregated(
    collection: Collection, pipeline: Sequence[Mapping[str, Any]]
) -> AsyncIterator[Document]:
    """Results of a pipeline as they are needed: what is in memory does not grow with them."""
    with translated():
        async for document in collection.aggregate(pipeline, batchSize=_AT_ONCE, allowDiskUse=True):
            yield document


async def write(
    collection: Collection,
    operations: Sequence[
        InsertOne[Document] | UpdateOne | UpdateMany | ReplaceOne[Document] | DeleteOne
    ],
    *,
    session: Session | None = None,
) -> int:
    """One unordered bulk write; how many documents it matched, inserted or upserted."""
    if not operations:
        return 0
    with translated():
        result = await collection.bulk_write(operations, ordered=False, session=session)
    return result.matched_count + result.upserted_count + result.inserted_count


async def delete(
    collection: Collection, query: Mapping[str, Any], *, session: Session | None = None
) -> int:
    """Delete what matches; how many there were."""
    with translated():
        return (await collection.delete_many(query, session=session)).deleted_count


def pack(values: Sequence[Any]) -> bytes:
    """Values as a field of a document that no query looks into: BSON, compressed."""
    return bytes(cramjam.lz4.compress_block(bson.encode({"": values})))


def unpack(packed: bytes) -> list[Any]:
    """What `pack` was given."""
    document = bson.decode(bytes(cramjam.lz4.decompress_block(packed)))
    values: list[Any] = document[""]
    return values


async def index(collection: Collection, models: Sequence[IndexModel]) -> None:
    """Make indexes that are not there. How long documents are kept follows the setting.

    One call for a collection: each costs a service that starts a round trip, and of those that
    are all there MongoDB says so at once.
    """
    try:
        if models:
            await collection.create_indexes(list(models))
    except OperationFailure as error:
        if error.code != _INDEX_OPTIONS_CONFLICT:
            raise
        for model in models:  # which of them it is MongoDB says in words only
            await _index(collection, model)


async def _index(collection: Collection, model: IndexModel) -> None:
    try:
        await collection.create_indexes([model])
    except OperationFailure as error:
        wanted = model.document
        if error.code != _INDEX_OPTIONS_CONFLICT or "expireAfterSeconds" not in wanted:
            raise
        kept = {"expireAfterSeconds": wanted["expireAfterSeconds"]}
        change = {"keyPattern": wanted["key"], **kept}
        await collection.database.command("collMod", collection.name, index=change)


async def drop_collection(database: Database, name: str) -> None:
    """Drop a collection, its indexes too; nothing when it is not there."""
    with translated():
        await database.drop_collection(name)


async def names(database: Database) -> list[str]:
    """All collections, by name."""
    with translated():
        return sorted(await database.list_collection_names())


async def create_collection(database: Database, name: str) -> None:
    """Make a collection unless another process makes it at the same time."""
    try:
        await database.create_collection(name)
    except CollectionInvalid:
        return
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


def is_duplicate_key(error: Exception) -> bool:
    """Whether a write failed because the id, or a unique field, is taken."""
    if isinstance(error, BulkWriteError):
        faults = (error.details or {}).get("writeErrors", [])
        return bool(faults) and all(fault.get("code") == _DUPLICATE_KEY for fault in faults)
    return isinstance(error, DuplicateKeyError)


def _labelled(error: PyMongoError) -> bool:
    return error.has_error_label("TransientTransactionError") or error.has_error_label(
        "UnknownTransactionCommitResult"
    )


def _collided(error: BaseException | None) -> bool:
    """Whether trying again at once can help: a conflict, not a server that is away."""
    return (
        isinstance(error, OperationFailure)
        and error.has_error_label("TransientTransactionError")
        and not isinstance(error, ConnectionFailure)
    )


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].split(", full error", 1)[0][:200]
