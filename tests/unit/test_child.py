"""A server process is waited for."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import Misconfigured
from tahvil.servers.process import Child, free_port


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

    said = r"broker ended while it started \(exit code 3\):\nno room"
    with pytest.raises(Misconfigured, match=said):
        await child.start(never)


async def test_a_port_found_free_is_kept_from_other_runs_but_not_from_its_server() -> None:
    def found_elsewhere() -> int:
        same_luck = "import random; from tahvil.servers.process import free_port; "
        same_luck += "random.seed(7); print(free_port())"
        command = [sys.executable, "-c", same_luck]
        return int(subprocess.run(command, check=True, capture_output=True).stdout)

    luck = random.getstate()
    random.seed(7)
    ours = free_port()
    random.setstate(luck)
    assert found_elsewhere() != ours
    for _ in range(2):  # a killed server comes back on its port
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", ours)
        server.close()
        await server.wait_closed()
        assert found_elsewhere() != ours
