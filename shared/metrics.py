"""What can be watched of a service, in Prometheus terms. One registry an application."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Metrics of the runtime. A service adds its own to `registry`."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.records = Counter(
            "tahvil_records",
            "Records received, by what became of them: applied, duplicate, skipped, dead_lettered",
            ["topic", "outcome"],
            registry=registry,
        )
        self.batch_records = Histogram(
            "tahvil_batch_records",
            "Records in one transaction",
            buckets=(1, 10, 50, 100, 250, 500, 1000, 2500),
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "tahvil_commit_seconds", "Time of one transaction, commit included", registry=registry
        )
        self.lag = Gauge(
            "tahvil_lag_records",
            "Records of a partition that wait, as of its last batch",
            ["topic", "partition"],
            registry=registry,
        )
        self.outbox_age = Gauge(
            "tahvil_outbox_age_seconds",
            "Age of the oldest message not published",
            registry=registry,
        )
        self.outbox_waiting = Gauge(
            "tahvil_outbox_waiting",
            "Transactions of this process whose messages are not published yet",
            registry=registry,
        )
        self.ready = Gauge(
            "tahvil_ready", "1 when events are applied as they come", registry=registry
        )
