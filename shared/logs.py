"""Logging: one event with fields a line; no message bodies, names of people or secrets."""

import logging
import sys

import structlog


def configure(*, json: bool) -> None:
    """Route structlog and the standard library to standard error.

    Tracebacks are plain text without local variables: locals would carry message bodies.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if json
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # aiokafka repeats one line per partition per retry while a broker is away; the runtime says
    # once that it waits. At CRITICAL its own bugs still show.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # Apprise names the phone numbers it writes to.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    logging.getLogger("pymongo").setLevel(logging.WARNING)
