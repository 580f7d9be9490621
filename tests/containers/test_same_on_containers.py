"""The integration tests of the whole path again, on servers that testcontainers starts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from tahvil.servers.smtp import EmbeddedSmtp
from tests.containers.test_testcontainers import kafka, mongo, provisioned
from tests.integration.test_bad_input import (
    test_a_replayed_dead_letter_is_read_by_its_service_only,
    test_each_bad_record_is_one_dead_letter_and_its_batch_mates_are_applied,
)
from tests.integration.test_crm import (
    closed,
    test_figures_equal_pandas_in_order_twice_and_shuffled,
)
from tests.support.system import System

__all__ = [
    "closed",
    "kafka",
    "mongo",
    "test_a_replayed_dead_letter_is_read_by_its_service_only",
    "test_each_bad_record_is_one_dead_letter_and_its_batch_mates_are_applied",
    "test_figures_equal_pandas_in_order_twice_and_shuffled",
]


@pytest.fixture
async def system(kafka: str, mongo: str, tmp_path: Path) -> AsyncIterator[System]:
    await provisioned(kafka)
    smtp = EmbeddedSmtp(tmp_path / "smtp")
    await smtp.start()
    client: AsyncMongoClient[Any] = AsyncMongoClient(mongo, tz_aware=True)
    servers: Any = SimpleNamespace(
        kafka=SimpleNamespace(bootstrap=kafka), mongo=SimpleNamespace(uri=mongo), smtp=smtp
    )
    system = System(servers, tmp_path, client)
    yield system
    await asyncio.gather(system.stop(), smtp.stop(), client.close())
