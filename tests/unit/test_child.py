"""A server process is waited for."""

from pathlib import Path

import pytest

from shared.errors import Misconfigured
from tahvil.servers.process import Child


async def test_what_ends_well_between_two_looks_has_ended_well(tmp_path: Path) -> None:
    child = Child("format", ["sleep", "0.1"], output=tmp_path / "log")

    async def ended() -> bool:
        """As it was when it was asked; the process ends before the answer is heard."""
        answer = child.ended == 0
        while child.ended is None:
            pass
        return answer

    await child.start(ended)


async def test_what_ends_before_it_answers_is_said_with_its_last_lines(tmp_path: Path) -> None:
    child = Child("broker", ["sh", "-c", "echo no room; exit 3"], output=tmp_path / "log")

    async def never() -> bool:
        return False

    with pytest.raises(Misconfigured, match="broker ended while it started:\nno room"):
        await child.start(never)
