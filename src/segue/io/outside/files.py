"""Files of other people's: JSON documents read from a folder, a text written whole or not at all.

read_documents(Path("export"))   -> documents, and what could not be read, each with its reason
write_whole(path, text)          -> the file has all of the text, or is as it was
"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from segue.io.names import sync_names
from segue.model.errors import InvalidError, MisconfiguredError

SUFFIXES: Final = frozenset({".json", ".tfstate"})

FILE_BYTES: Final = 64 * 1024 * 1024
"""Largest file read; a whole workspace's export is far smaller."""


class Document(msgspec.Struct, frozen=True):
    """One JSON value of a file; a file may hold several, one after the other."""

    file: str
    value: Any


class Unread(msgspec.Struct, frozen=True):
    """A file that could not be read, and why."""

    file: str
    why: str


def read_documents(place: Path) -> tuple[list[Document], list[Unread]]:
    """Every JSON document under a folder, or in one file, in the order of their names.

    A file that is not JSON gives no document at all, not even those before the damage.
    Raises MisconfiguredError when there is no such folder or file.
    """
    if place.is_dir():
        paths = sorted(path for path in place.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    elif place.is_file():
        paths = [place]
    else:
        raise MisconfiguredError(f"{place}: there is no such folder or file.")
    documents: list[Document] = []
    unread: list[Unread] = []
    for path in paths:
        file = path.relative_to(place).as_posix() if place.is_dir() else path.name
        try:
            documents += [Document(file, value) for value in _values(path)]
        except InvalidError as error:
            unread.append(Unread(file, str(error)))
    return documents, unread


def write_whole(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a file so that nobody ever sees half of it; it is on the disk when this returns.

    replace  a file that is there is replaced; otherwise it stays as it is
    Raises MisconfiguredError when the file is there and may not be replaced, or cannot be written.
    """
    scratch = ""
    try:
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        if replace:
            os.replace(scratch, path)
        else:
            os.link(scratch, path)  # unlike a rename it fails when the file is there
        sync_names(path.parent)
    except FileExistsError as error:
        raise MisconfiguredError(f"{path} is there already. Use --force to replace it.") from error
    except OSError as error:
        raise MisconfiguredError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        if scratch and os.path.exists(scratch):
            os.unlink(scratch)


def _values(path: Path) -> list[Any]:
    try:
        if (size := path.stat().st_size) > FILE_BYTES:
            raise InvalidError(f"has {size:,} bytes, more than the {FILE_BYTES:,} that are read.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidError(f"cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InvalidError(f"is not UTF-8: byte {error.start:,} cannot be part of it.") from error
    try:
        values = list(_decoded(text))
        json.dumps(values, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        line, column = error.lineno, error.colno
        raise InvalidError(f"is not JSON: {error.msg}, line {line}, column {column}.") from error
    except UnicodeEncodeError as error:
        raise InvalidError("is not JSON text: it holds half of a surrogate pair.") from error
    except RecursionError as error:
        raise InvalidError("is nested too deeply to be read.") from error
    if not values:
        raise InvalidError("is empty.")
    return values


def _decoded(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    at = _next(text, 0)
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _refuse(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no JSON number", name, 0)
