"""The settings of one process: where its data lives, which ports it opens, what it says.

    settings = read_settings(Path("."), os.environ)        # SEGUE_PORT=9000 in the environment or in .env
    settings.port                                          # 9000
    settings = read_settings(Path("."), os.environ, port=8000)   # what the command line says wins

The environment wins over the file ``.env``, which wins over the defaults. What flows from where to where is
not here but in the workspace file (`segue.io.storage.workspace`). Raises MisconfiguredError, naming every
variable that is wrong at once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import dotenv
import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from segue.model.errors import MisconfiguredError
from segue.model.workspace import Workspace

PREFIX: Final = "SEGUE_"
ROLES: Final = ("receiver", "courier", "desk")

Role = Literal["receiver", "courier", "desk"]


def read_ranges(given: Any) -> Any:
    """Read "0-3,6" as (0, 1, 2, 3, 6); anything but text is left as it is."""
    if not isinstance(given, str):
        return given
    numbers: list[int] = []
    for part in filter(None, given.replace(" ", "").split(",")):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) > 255:
            raise ValueError(f'"{part}" is neither a lane nor a range of lanes such as 0-3')
        if int(last or first) < int(first):
            raise ValueError(f'"{part}" is a range from high to low; write {last}-{first}')
        numbers.extend(range(int(first), int(last or first) + 1))
    return tuple(sorted(set(numbers)))


def read_words(given: Any) -> Any:
    """Read "receiver, courier" as ("receiver", "courier"); anything but text is left as it is."""
    if not isinstance(given, str):
        return given
    return tuple(word.strip() for word in given.split(",") if word.strip())


class Settings(BaseModel):
    """One process's settings; each is a variable of the same name in capitals with SEGUE_ before it."""

    model_config = ConfigDict(frozen=True)

    config: Path = Field(
        Path("segue.yaml"),
        description="The workspace file: sources, destinations, subscriptions.",
    )
    data: Path = Field(
        Path("segue-data"),
        description="Folder for the event log and what is remembered about deliveries. Made when missing; "
        "put it on a local disk, and back it up as one.",
    )
    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. 0.0.0.0 lets other machines in; put TLS in front then.",
    )
    port: int = Field(
        8080, ge=0, le=65535, description="Port of the tracking API, health and metrics; 0 picks one."
    )
    sandbox_port: int = Field(
        8089,
        ge=0,
        le=65535,
        description="Port of the sandbox, opened only while a destination has the endpoint `sandbox`.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important lines that are written."
    )
    log_format: Literal["auto", "pretty", "json"] = Field(
        "auto",
        description="pretty for people, json for machines (one object a line); auto is pretty on a terminal, "
        "json otherwise.",
    )
    linger_ms: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="How long the receiver waits for more events before it writes to disk. 0 writes at once "
        "what comes alone, and what comes together at most every 4 ms; raise it on disks with slow sync.",
    )
    retention_hours: float | None = Field(
        None, gt=0, description="Overrides `ingest.retention_hours` of the workspace file."
    )
    retention_bytes: int | None = Field(
        None, ge=1024 * 1024, description="Overrides `ingest.retention_bytes` of the workspace file."
    )
    roles: Annotated[tuple[Role, ...], BeforeValidator(read_words)] = Field(
        ROLES,
        min_length=1,
        description="Which parts this process plays, separated by commas: receiver takes events in, courier "
        "delivers them, desk answers questions about them.",
    )
    lanes: Annotated[tuple[int, ...], BeforeValidator(read_ranges)] = Field(
        (),
        description="Which lanes of the log this process's couriers serve, such as 0-3,6; empty for all.",
    )


def read_environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """All variables by name: those of `folder`'s ``.env``, and over them those of the process.

    This is also what fills ``${NAME}`` in the workspace file in. Values in ``.env`` are taken as they are,
    without references of their own. A missing ``.env`` is an empty one.
    """
    path = folder / ".env"
    try:
        written = (
            dotenv.dotenv_values(path, interpolate=False, encoding="utf-8-sig") if path.is_file() else {}
        )
    except (OSError, UnicodeDecodeError) as error:
        raise MisconfiguredError(f"{path} cannot be read as UTF-8 text: {error}") from error
    return {**{name: value for name, value in written.items() if value is not None}, **environ}


def read_settings(folder: Path, environ: Mapping[str, str], **given: Any) -> Settings:
    """Put the settings together from `given` (a command line; None counts as not given), the environment,
    ``.env`` in `folder`, and the defaults, in this order.

    A variable that starts with SEGUE_ and is no setting is refused: it is a misspelt one.
    """
    variables = {
        name.upper().removeprefix(PREFIX).lower(): value
        for name, value in read_environment(folder, environ).items()
        if name.upper().startswith(PREFIX) and name.upper() not in RESERVED and value != ""
    }
    unknown = sorted(set(variables) - set(Settings.model_fields))
    problems = [f"{_variable(name)}: there is no such setting." for name in unknown]
    over = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(
            **{**{name: variables[name] for name in variables if name not in unknown}, **over}
        )
    except ValidationError as error:
        problems += [
            f"{_variable('.'.join(map(str, fault['loc'])))}: {fault['msg']}, found {fault['input']!r}."
            for fault in error.errors()
            if fault["type"] != "too_short" or not fault["input"]  # else its elements have been named already
        ]
    if problems:
        known = ", ".join(map(_variable, Settings.model_fields))
        raise MisconfiguredError("\n".join([*problems, f"The settings are {known}."]))
    return settings


RESERVED: Final = frozenset({"SEGUE_CONFORMANCE_DIR"})
"""Variables that begin like settings and are none: they speak to the tests."""


def override(workspace: Workspace, settings: Settings) -> Workspace:
    """The workspace with what the process's settings put in place of its ingest options."""
    changes = {
        name: value
        for name in ("retention_hours", "retention_bytes")
        if (value := getattr(settings, name)) is not None
    }
    if not changes:
        return workspace
    return msgspec.structs.replace(workspace, ingest=msgspec.structs.replace(workspace.ingest, **changes))


def _variable(name: str) -> str:
    return PREFIX + name.upper()
