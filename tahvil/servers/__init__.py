"""Embedded servers: the real Kafka and MongoDB, for machines without Docker, and for tests."""

import asyncio
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from tahvil.servers.kafka import EmbeddedKafka
from tahvil.servers.mongo import EmbeddedMongo
from tahvil.servers.process import hold
from tahvil.servers.smtp import EmbeddedSmtp


class Servers:
    """Kafka, MongoDB and a mail catcher with their data in one folder, which is kept."""

    def __init__(self, data: Path) -> None:
        self._data = data.resolve()
        self.kafka = EmbeddedKafka(self._data / "kafka")
        self.mongo = EmbeddedMongo(self._data / "mongo")
        self.smtp = EmbeddedSmtp(self._data / "smtp")

    @staticmethod
    def forget(data: Path) -> None:
        """Delete the data of an earlier run; an error when a run uses it."""
        if data.exists():
            held = hold(data)
            try:
                shutil.rmtree(data)
            finally:
                held.close()

    async def __aenter__(self) -> Self:
        self._held = hold(self._data)
        try:
            await asyncio.gather(self.kafka.start(), self.mongo.start(), self.smtp.start())
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await asyncio.gather(
            self.kafka.stop(), self.mongo.stop(), self.smtp.stop(), return_exceptions=True
        )
        self._held.close()
