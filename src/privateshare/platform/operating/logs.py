"""The configuration of logging: the lines of the platform and of its libraries, to standard error, as text or JSON."""

import logging
import re
import sys
import traceback
from typing import TextIO

import structlog
from structlog.stdlib import ProcessorFormatter

from privateshare.platform.operating.settings import Settings

_ROW_DETAIL = re.compile(r"^DETAIL: .*$", re.MULTILINE)


def configure_logging(settings: Settings) -> None:
    """Configure one format for all log lines: ours from the level in the settings, those of libraries from warnings.

    A traceback never shows the values of variables, nor of a row that PostgreSQL rejected: they may be secrets.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared, processors=[ProcessorFormatter.remove_processors_meta, *_renderers(settings)]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("privateshare").setLevel(settings.log_level.upper())


def _renderers(settings: Settings) -> list[structlog.typing.Processor]:
    if settings.log_format == "json":
        return [structlog.processors.ExceptionRenderer(_traceback), structlog.processors.JSONRenderer()]
    colors = sys.stderr.isatty()
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_print_traceback, pad_event_to=0)]


def _print_traceback(output: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    output.write(_traceback(exc_info))


def _traceback(exc_info: structlog.typing.ExcInfo) -> str:
    return _ROW_DETAIL.sub("DETAIL: hidden", "".join(traceback.format_exception(*exc_info)))
