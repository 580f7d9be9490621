"""These tests need a Docker engine; without one they are skipped, and say so."""

import subprocess

import pytest


def _engine() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if "containers" in item.path.parts]
    if ours and not _engine():
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="no Docker engine answers (docker info)"))
