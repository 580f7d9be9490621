"""The jars of Apache Kafka: fetched once by name, checked by SHA-256, kept in a cache.

`kafka-jars.lock` names each jar and its hash. `python -m tahvil.servers.jars` writes it anew.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.errors import Misconfigured

VERSION = "4.1.0"
LOCK = Path(__file__).with_name("kafka-jars.lock")
WANTED = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    # without it Kafka logs nothing, not even why it ends
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
)


def cache() -> Path:
    """Where downloads are kept between clones; `TAHVIL_CACHE` moves it."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TAHVIL_CACHE") or Path(home) / "tahvil")


def fetch(
    progress: Callable[[int, int], None] | None = None,
    folder: Path | None = None,
    lock: Path = LOCK,
) -> Path:
    """Folder with all jars, each as locked. Reads the network only for what is missing.

    `progress` is called with the number of jars that are there and of those wanted.
    """
    folder = folder or cache() / f"kafka-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [line.split() for line in lock.read_text().splitlines() if line.strip()]
    with (folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two clones may start at once
        missing = [(sha, name) for sha, name in wanted if not _jar(folder, name).exists()]
        with ThreadPoolExecutor(8) as pool:
            for done, _ in enumerate(pool.map(lambda item: _download(folder, item[1]), missing), 1):
                if progress:
                    progress(len(wanted) - len(missing) + done, len(wanted))
        for sha, name in wanted:
            _check(_jar(folder, name), sha)
    return folder


def _jar(folder: Path, name: str) -> Path:
    _, artifact, version = name.split(":")
    return folder / f"{artifact}-{version}.jar"


def _download(folder: Path, name: str) -> None:
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415 - a download needs it, a start does not
    except ImportError:
        raise Misconfigured("the package jgo is missing: run `make install`") from None
    group, artifact, version = name.split(":")
    context = MavenContext(repo_cache=folder / ".maven", timeout=120)
    try:
        fetched = context.project(group, artifact).at_version(version).artifact().resolve()
    except Exception as error:  # noqa: BLE001 - jgo raises whatever its parts raise
        raise Misconfigured(
            f"cannot fetch {name} from Maven's central repository ({error}): check the network, "
            "or run with Docker instead (see README)"
        ) from None
    part = _jar(folder, name).with_suffix(".part")
    shutil.copyfile(fetched, part)
    part.rename(_jar(folder, name))


def _check(jar: Path, sha: str) -> None:
    with jar.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != sha:
        raise Misconfigured(
            f"{jar} is not the file that is locked (SHA-256 {found[:12]}…, not {sha[:12]}…): "
            "delete it, and it is fetched again"
        )


def write_lock(wanted: Sequence[str] = WANTED, lock: Path = LOCK) -> None:
    """Lock these jars and all that they need, as they are in the repository now.

    What two of them need is taken in the version that the first of them names.
    """
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext()
    lines: dict[str, str] = {}
    for name in wanted:
        root = context.create_dependency(name)
        _, nodes = context.resolver.get_dependency_list([root])
        for dependency in [root, *(node.dep for node in nodes)]:
            # A range of versions is not looked up by jgo: which one it is stands in `wanted`.
            ranged = str(dependency.version).startswith(("[", "("))
            artifact = f"{dependency.groupId}:{dependency.artifactId}"
            if dependency.scope in (None, "compile", "runtime") and not ranged:
                jar = dependency.artifact.resolve()
                sha = hashlib.sha256(jar.read_bytes()).hexdigest()
                lines.setdefault(artifact, f"{sha}  {artifact}:{dependency.version}")
    lock.write_text("\n".join(sorted(lines.values(), key=lambda line: line.split()[1])) + "\n")


if __name__ == "__main__":
    write_lock()
