"""One call to the sandbox and its reply, as the endpoints see them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
import orjson

from segue.sandbox.strictness import REFUSED
from segue.sandbox.texts import Refused, say
from segue.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from segue.sandbox.seed import Key
    from segue.sandbox.world import World

Headers = list[tuple[bytes, bytes]]
WARNINGS_KEPT = 100
"""Warnings of one call that are kept in words."""
JSON_HEADER = (b"content-type", b"application/json; charset=utf-8")


class Reply(NamedTuple):
    """What goes back: status, body already encoded, headers beside content-type and content-length."""

    status: int
    body: bytes
    headers: Headers = []  # noqa: RUF012 - an empty default that nobody appends to


def reply(status: int, document: object, headers: Headers | None = None) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, orjson.dumps(document), headers or [])


def structured(status: int, document: object) -> Reply:
    """A reply whose document may hold structs and raw JSON."""
    return Reply(status, msgspec.json.encode(document))


class Warning_(NamedTuple):  # noqa: N801 - `Warning` is taken by Python
    """Something accepted with leniency: the rule, where in the request, what was done."""

    rule: str
    where: str
    detail: str


@dataclass(slots=True)
class Call:
    """One request on its way through the pipeline; the later fields fill as the checks pass."""

    world: "World"
    method: str
    path: str
    query_string: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    peer: str
    now_ms: int
    key: "Key | None" = None
    parts: tuple[str, ...] = ()
    """What the `{…}` of the endpoint's path matched."""
    document: dict[str, Any] = field(default_factory=dict)
    objects: int = 0
    accepted: int = 0
    problems: list[Any] = field(default_factory=list)
    warnings: list[Warning_] = field(default_factory=list)
    held_workspace: Workspace | None = None
    is_strict: bool = False
    """Whether leniency is refused."""

    @property
    def workspace(self) -> Workspace:
        """The key's workspace; known once the key is."""
        assert self.held_workspace is not None, "endpoints run after the key was checked"  # noqa: S101
        return self.held_workspace

    def warn(self, rule: str, where: str, detail: str, name: str = "") -> None:
        """Note leniency for the log; it never shows in the answer. All are counted, the first kept.

        name  the field it is about
        Raises Refused: the call is held strictly and the leniency is about the request itself.
        """
        if self.is_strict and rule in REFUSED:
            raise Refused(REFUSED[rule], name[:80])
        self.world.journal.warnings[rule] += 1
        if len(self.warnings) < WARNINGS_KEPT:
            self.warnings.append(Warning_(rule, where, detail))

    def say(self, refusal: Refused) -> str:
        """The wording of a refusal under the world's switches."""
        return say(self.world.switches, refusal.rule, refusal.name)

    def parameters(self) -> dict[str, list[str]]:
        """The query, each name with its values; `name[]` is the same as `name`."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True):
            found.setdefault(name.removesuffix("[]"), []).append(value)
        return found
