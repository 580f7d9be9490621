"""Settings that every service has. Read once, in `__main__`, from `TAHVIL_*` and secret files."""

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import identities
from shared.errors import Misconfigured
from shared.signing import Keys, split

SECRETS = Path("/run/secrets")  # where docker compose mounts secret files


class KafkaSettings(BaseSettings):
    """Where Kafka is and how to get in."""

    model_config = SettingsConfigDict(
        env_prefix="TAHVIL_",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
    )

    kafka_bootstrap: str = Field(description="host:port of the Kafka brokers, comma separated")
    kafka_username: str | None = Field(None, description="SASL user (SCRAM-SHA-512); none: no SASL")
    kafka_password: SecretStr | None = Field(None, description="password of kafka_username")
    kafka_tls: bool = Field(default=False, description="talk TLS to the brokers")

    @classmethod
    def read(cls) -> Self:
        """Read the environment, or say in one line which variable is wrong and why."""
        try:
            return cls()
        except ValidationError as error:
            faults = "; ".join(
                f"TAHVIL_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_input=False)
            )
            raise Misconfigured(f"settings: {faults}") from None


class ServiceSettings(KafkaSettings):
    """What every service has besides: its database, its door, how much to take at once."""

    kafka_session: timedelta = Field(
        timedelta(seconds=10), description="silence after which a replica's partitions move on"
    )
    mongo_uri: SecretStr = Field(description="mongodb:// address of a replica set")
    mongo_username: str | None = Field(None, description="user of the service; none: no login")
    mongo_password: SecretStr | None = Field(None, description="password of mongo_username")
    mongo_database: str | None = Field(None, description="database; the service's name if not set")
    http_host: str = Field("127.0.0.1", description="address the HTTP door listens on")
    http_port: int = Field(0, ge=0, le=65535, description="port of the HTTP door; 0: any free one")
    http_password: SecretStr = Field(
        min_length=16, description="password of the user `ops`, asked for figures and metrics"
    )
    batch_records: int = Field(
        1000, ge=1, le=5000, description="records in one transaction at most; keep it under 1 s"
    )
    connect_timeout: timedelta = Field(
        timedelta(seconds=30), description="how long a start waits for Kafka and MongoDB"
    )
    inbox_kept: timedelta = Field(
        timedelta(days=400),
        description="how long an event's id is known, to drop its duplicates; keep it longer than "
        "Kafka keeps records, which can be replayed as long as they are there",
    )
    dead_letters_kept: timedelta = Field(
        timedelta(days=90), description="how long a record that was set aside is in the database"
    )
    erasure_key: Keys | None = Field(
        None,
        description="keys that make digests of whom is erased, the same in all services and the "
        "command line; none: whoever reads a digest can find out by guessing whose it is",
    )
    erasure_marks_kept: timedelta = Field(
        timedelta(days=400),
        description="how long older events about somebody who is erased are recognised; keep it "
        "longer than Kafka keeps records",
    )
    outbox_lanes: int = Field(
        12, ge=1, le=256, description="keep equal to the partitions of the topics: see Outbox"
    )
    dead_letters_in_a_row: int = Field(
        100, ge=1, description="dead letters in a row of one partition before it is stopped"
    )
    graceful_stop: timedelta = Field(
        timedelta(seconds=20), description="time to finish the batch in hand after SIGTERM"
    )
    log_json: bool = Field(default=True, description="JSON lines; false: for a person's eyes")

    @property
    def identities(self) -> identities.Keys:
        """What makes digests of whom is erased."""
        return identities.Keys(split(self.erasure_key) if self.erasure_key else ())
