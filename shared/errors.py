"""Errors by what to do about them.

| error | what to do |
|---|---|
| `Misconfigured` | say its one line to the operator and exit |
| `Transient` | wait, with growing delay, and do the same again; never a dead letter |
| `Fenced` | another process owns the partition, or the shard, now: follow what is stored |
| anything else | a bug: set the record aside that causes it, and go on |

What cannot be read is `shared.contracts.cloudevents.Unreadable`; what the rules refuse is no
error but an answer, and is published.
"""


class Misconfigured(Exception):
    """The system cannot start as it is set up. The message is one line that says what to do."""


class Transient(Exception):
    """MongoDB, Kafka or another server is away or busy. The same work can be done again later."""


class Fenced(Exception):
    """What is stored is not as this process left it: another process has taken over."""
