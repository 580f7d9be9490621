"""Records that aiokafka by itself cannot read."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from typing_extensions import override

from shared.contracts.cloudevents import encode
from tests.support.builders import deal, event, manager
from tests.support.system import System

Headers = list[tuple[str, bytes]]


class Bytes(str):
    """A header name that is no UTF-8: only another client can make one."""

    __slots__ = ()

    @override
    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


def batch(producer: AIOKafkaProducer, records: list[tuple[bytes, Headers]]) -> Any:
    made = producer.create_batch()
    made._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1 << 20)
    for value, headers in records:
        made.append(timestamp=None, key=b"acme", value=value, headers=headers)
    return made


async def test_a_header_name_that_is_no_text_holds_nothing_up(system: System) -> None:
    partitions, good = 5, 40
    await system.publish([event(manager())])
    async with AIOKafkaProducer(bootstrap_servers=system.servers.kafka.bootstrap) as producer:
        for partition in range(partitions):
            values = [encode(event(deal(f"{partition}-{n}"))) for n in range(good)]
            value, headers = values[20]
            values[20] = value, [*headers, (Bytes("x"), b"1")]
            acknowledged = await producer.send_batch(
                batch(producer, values), "deals", partition=partition
            )
            await acknowledged
    await system.start("handoff", "reporting")
    await system.settled()
    await system.publish([event(deal("after"))])
    await system.settled()

    for service in ("handoff", "reporting"):
        totals = await system.accounts_add_up(service)
        assert totals["dead_lettered"] == 0
    figures = await system.figure_table("deals?by=outcome")
    assert figures[("won",)][0] == partitions * good + 1


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_producers_may_compress(system: System, codec: str) -> None:
    value, headers = encode(event(deal()))
    async with AIOKafkaProducer(
        bootstrap_servers=system.servers.kafka.bootstrap, compression_type=codec
    ) as producer:
        await producer.send_and_wait("deals", value, b"acme", headers=headers)
    await system.start("handoff")
    await system.settled()

    totals = await system.accounts_add_up("handoff")
    assert (totals["applied"], totals["dead_lettered"]) == (1, 0)
