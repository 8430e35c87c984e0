"""Log lines: one JSON object a line, with the request that it belongs to, and never with a patient's data.

What our own code logs is text and figures that hold no value of a request: the style forbids it and
`tests/faults/test_privacy.py` looks for it. What other code logs, and what an exception says, may quote anything, so of
a foreign record only its logger, level and place are written, of an exception only its type and where it was raised.

`trace` is a context of the running task: set where a request comes in, it is in each line until the request is done,
and goes on to whom we call as W3C `traceparent`.

Source: https://www.w3.org/TR/trace-context/ (version 00)
"""

import logging
import logging.config
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import msgspec

# Whose messages are ours to answer for; uvicorn's name processes and addresses only.
OWN = ("kangyun", "uvicorn")
MOST_FRAMES = 6
LATE = 0.1  # seconds
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Trace:
    """The request that is being worked on.

    request: the id that stands in log, audit row and outcome. trace, span: of W3C trace context, 32 and 16 hexadecimal
    digits; span is our own. flags: as they came.
    """

    request: str
    trace: str
    span: str
    flags: str = "00"

    @property
    def traceparent(self) -> str:
        """The header to pass on to whom we call."""
        return f"00-{self.trace}-{self.span}-{self.flags}"


def new_trace(request: str | None = None, traceparent: str | None = None) -> Trace:
    """Returns a trace that goes on with a traceparent header, or begins here where there is none that can be read.

    Where it has no request id of its own, the trace's is that.
    """
    drawn = secrets.token_hex(24)
    trace, flags = (read_traceparent(traceparent) if traceparent else None) or (drawn[:32], "00")
    return Trace(request or trace, trace, drawn[32:], flags)


current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def read_traceparent(text: str) -> tuple[str, str] | None:
    """Returns (trace id, flags) of a traceparent header, None for one that is none."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None or (text[:2] == "00" and len(text) != 55):
        return None
    return match[1], match[3]


class Formatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        own = record.name.split(".", 1)[0] in OWN
        event = record.getMessage() if own else f"{_place(record.pathname)}:{record.lineno}"
        line = _head(datetime.fromtimestamp(record.created, UTC), record.levelname.lower(), record.name, event)
        line |= getattr(record, "fields", {}) if own else {}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"], line["at"] = described(record.exc_info[1])
        return _encode(line).decode()


class Lines:
    """Lines of our own that come by the thousand: made without a LogRecord and written a few at a time.

    They stand in the log up to `LATE` after what they tell of; a process that is killed takes those with it.
    `later` calls a function after so many seconds.
    """

    def __init__(self, name: str, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._name = name
        self._later = later
        self._logger = logging.getLogger(name)
        self._pending: list[bytes] = []

    def info(self, event: str, **fields: float | str) -> None:
        """Writes a line of level info. No value of it may be a patient's."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        if not self._pending:
            self._later(LATE, self.flush)
        self._pending.append(_encode(_head(datetime.now(UTC), "info", self._name, event) | fields))

    def flush(self) -> None:
        """Writes what is pending."""
        lines, self._pending = self._pending, []
        if lines:
            sys.stderr.write(b"\n".join([*lines, b""]).decode())
            sys.stderr.flush()


def described(error: BaseException) -> tuple[str, list[str]]:
    """Returns what may be said of an exception: its type and where it passed, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    kind = type(error)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return name, [f"{_place(frame.filename)}:{frame.lineno}" for frame in reversed(frames)]


def configure(level: str) -> None:
    """Makes this process log to standard error, in this form alone: warnings and uncaught exceptions, too."""
    logging.config.dictConfig(configuration(level))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)
    threading.excepthook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)


def configuration(level: str) -> dict[str, Any]:
    """Returns it as logging.config takes it."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Formatter}},
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"level": level.upper(), "handlers": ["out"]},
        "loggers": {
            # Each start of a process would be a line, and each request that is no HTTP.
            "uvicorn": {"level": "ERROR", "handlers": [], "propagate": True},
        },
    }


def _uncaught(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
    if kind is not None and issubclass(kind, KeyboardInterrupt):
        return
    # What a group of tasks ends with says nothing by itself: what each of them ended with does.
    for one in _parts(error):
        logging.getLogger("kangyun").critical("uncaught", exc_info=one)


def _parts(error: BaseException | None) -> Iterator[BaseException | None]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for one in error.exceptions:
        yield from _parts(one)


def _head(moment: datetime, level: str, logger: str, event: str) -> dict[str, Any]:
    """Returns what each line begins with, and the request that it belongs to."""
    line = {"time": moment.isoformat(timespec="milliseconds"), "level": level, "logger": logger, "event": event}
    trace = current.get()
    if trace is not None:
        line["request"], line["trace"] = trace.request, trace.trace
    return line


def _place(path: str) -> str:
    """Returns a file's path from its package on."""
    for mark in ("/src/", "/site-packages/", "/python3."):
        if mark in path:
            return path.rpartition(mark)[2]
    return path
