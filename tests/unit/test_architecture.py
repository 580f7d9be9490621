"""What the structure promises and import-linter cannot see."""

import ast
from pathlib import Path

import pytest

from shared.contracts.topics import SERVICES

EVERY_SERVICE = {
    "__init__.py", "__main__.py", "app.py", "config.py", "domain.py", "erasing.py",
    "handlers.py", "repository.py",
}  # fmt: skip
OURS = [
    *Path("services").rglob("*.py"),
    *Path("shared").rglob("*.py"),
    *Path("tahvil").rglob("*.py"),
]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_files(service: str) -> None:
    names = {file.name for file in Path("services", service).glob("*.py")}
    assert names >= EVERY_SERVICE


@pytest.mark.parametrize("file", OURS, ids=str)
def test_files_are_short_and_create_nothing_at_import(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 400, "split it by noun"
    built = {"connect", "KafkaBroker", "AIOKafkaProducer", "AsyncIOMotorClient", "FastAPI"}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
            for call in ast.walk(statement):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                    assert call.func.id not in built
