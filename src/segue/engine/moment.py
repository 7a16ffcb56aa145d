"""Moments as events carry them, quickly: ISO 8601 in, milliseconds out, and back.

    moment_ms("2026-11-23T15:57:05.212Z") == 1795449425212
    iso(1795449425212)                    == "2026-11-23T15:57:05.212Z"

What is not written the usual way is read by `segue.kit.dates`, about ten times slower.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from segue.kit import dates

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
_WHOLE_LENGTH: Final = len("2026-11-23T15:57:05")
_FRACTIONS: Final = tuple(f".{thousandths:03d}Z" for thousandths in range(1000))
_THOUSANDTHS: Final = {fraction[1:]: thousandths for thousandths, fraction in enumerate(_FRACTIONS)}


Key = TypeVar("Key")
Answer = TypeVar("Answer")


class _Remembered(dict[Key, Answer]):
    """Answers by what was asked, which is all forgotten when it is too much; faster than an lru_cache."""

    MOST: Final = 4096

    def __init__(self, find: Callable[[Key], Answer]) -> None:
        self._find = find

    def __missing__(self, key: Key) -> Answer:
        if len(self) >= self.MOST:
            self.clear()
        answer = self[key] = self._find(key)
        return answer


def moment_ms(value: Any) -> int | None:
    """Read a moment as milliseconds since the epoch; None when it is none of the years 1 to 9999.

    Without a zone it is UTC. What is finer than a millisecond is cut off.
    """
    if value is None:
        return None
    try:  # as nearly all are: 2026-11-23T15:57:05.212Z
        return _THOUSANDTHS[value[20:]] + _SECONDS[value[:20]]
    except (KeyError, TypeError, ValueError):
        pass
    if type(value) is str and len(value) >= _WHOLE_LENGTH:
        try:
            moment = datetime.fromisoformat(value)
            ms: int | None = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MS
        except (ValueError, OverflowError):
            ms = dates.parse(value)
    else:
        ms = dates.parse(value)
    return ms if ms is not None and _FIRST_MS <= ms <= _LAST_MS else None


def _second_of(text: str) -> int:
    """Milliseconds since the epoch of a second written the usual way, with the point after it, in UTC. Raises
    ValueError when it is not."""
    if (text[4], text[7], text[10], text[13], text[16], text[19]) != ("-", "-", "T", ":", ":", "."):
        raise ValueError(text)
    return (datetime.fromisoformat(text[:_WHOLE_LENGTH]).replace(tzinfo=UTC) - _EPOCH) // _MS


_SECONDS: Final = _Remembered(_second_of)
"""Events that travel together happened in few of them."""


def iso(ms: int) -> str:
    """Write milliseconds since the epoch as ISO 8601 in UTC; "" outside the years 1 to 9999."""
    text = _ISO_SECONDS[ms // 1000]
    return text + _FRACTIONS[ms % 1000] if text else ""


def _iso_second(seconds: int) -> str:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:_WHOLE_LENGTH]
    except OverflowError:
        return ""


_ISO_SECONDS: Final = _Remembered(_iso_second)
