"""Python source in the making: lines, names, constants, and values of an event loaded once each.

What a customer wrote enters the source in two ways only: as a literal that `Writer.literal` prints with
`ascii` (text, small numbers, booleans, None), or as an object in the constants table under a name of
ours. Names are made here, from a letter and a count.
"""

import linecache
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any, Final

from segue.language.javascript import UNDEFINED
from segue.language.path import lookup

Keys = tuple[str, ...]

DEEPEST_LOAD: Final = 12
"""Keys of a path that are loaded step by step; what lies deeper is looked up in one call."""

ALWAYS: Final = frozenset({("type",), ("timestamp",), ("receivedAt",)})
"""What every stored event has, so that a body that trusts loads it without an alternative."""

_LARGEST_LITERAL: Final = 2**63


class Writer:
    """Collects the source of one or more functions and the objects it refers to."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self.constants: dict[str, Any] = {"U": UNDEFINED, "lookup": lookup, "type": type, "dict": dict}
        self.constants |= {"str": str, "list": list, "int": int, "float": float, "len": len, "EMPTY": {}}
        self.count = 0

    def name(self, letter: str) -> str:
        """Make a name nobody has yet."""
        self.count += 1
        return f"{letter}{self.count}"

    def constant(self, value: Any) -> str:
        """Put an object into the table and give its name."""
        name = self.name("K")
        self.constants[name] = value
        return name

    def literal(self, value: Any) -> str:
        """Write a value into the source if it prints safely, else into the table."""
        if value is None or type(value) is bool or type(value) is str:
            return ascii(value)
        if type(value) is int and -_LARGEST_LITERAL < value < _LARGEST_LITERAL:
            return repr(value)
        if type(value) is float and value - value == 0:
            return repr(value)
        return self.constant(value)

    def keys(self, keys: Keys) -> str:
        """Write a tuple of keys."""
        return f"({''.join(f'{key!a}, ' for key in keys)})"

    def compile(self, main: str, what: str) -> Callable[[Any], Any]:
        """Turn the source into its main function; `source` and tracebacks show the text."""
        source = "\n\n\n".join(self.functions) + "\n"
        filename = f"<segue {what} {zlib.crc32(source.encode()):08x}>"
        namespace: dict[str, Any] = {**self.constants, "__builtins__": {}}
        exec(_code(source, filename), namespace)  # noqa: S102 - written above, from literals only
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        function: Any = namespace[main]
        function.source = source
        return function  # type: ignore[no-any-return]  # made by exec, so its type is only known here


@lru_cache(maxsize=512)
def _code(source: str, filename: str) -> CodeType:
    """Compiled once: most of a new revision's functions are those of the one before."""
    return compile(source, filename, "exec")


class Body:
    """The body of one function of a payload ``e``.

    is_object  true when ``e`` is known to be a dict
    trusted    set by `trust`: the paths whose values are wanted; what lies on the way to them is taken for an
               object without a look
    is_open    true when the function may look at more of ``e`` than the paths it loads
    """

    def __init__(self, writer: Writer, *, is_object: bool) -> None:
        self.writer = writer
        self.is_object = is_object
        self.lines: list[str] = []
        self.indent = 1
        self.loaded: dict[Keys, str] = {(): "e"}
        self.trusted: frozenset[Keys] | None = None
        self.is_open = False

    def line(self, text: str) -> None:
        """Add a line at the current indent."""
        self.lines.append("    " * self.indent + text)

    def assign(self, expression: str) -> str:
        """Give an expression a name of its own."""
        name = self.writer.name("t")
        self.line(f"{name} = {expression}")
        return name

    def finish(self, name: str, result: str, more: str = "") -> None:
        """Return the result and hand the function over.

        more  parameters after ``e``
        """
        self.line(f"return {result}")
        self.writer.functions.append("\n".join((f"def {name}(e{more}):", *self.lines)))

    def trust(self, paths: Iterable[Keys]) -> None:
        """Load faster from now on: what stands where an object is expected, and is none, raises
        AttributeError, and what `ALWAYS` is there and is not raises KeyError. To be called once, with every
        path that will be loaded."""
        self.trusted = frozenset(paths)

    def lack(self, paths: Iterable[Keys]) -> None:
        """Take the values at some paths for missing from now on: they are called ``U``."""
        self.loaded |= dict.fromkeys(paths, "U")

    def load(self, paths: Iterable[Keys]) -> None:
        """Load the values at some paths; each path, and each part of one, is loaded once.

        To be called where control always passes: what was loaded counts as known from then on.
        """
        tree: dict[str, Any] = {}
        deep: list[Keys] = []
        for path in paths:
            branch = tree
            for key in path[:DEEPEST_LOAD]:
                branch = branch.setdefault(key, {})
            if len(path) > DEEPEST_LOAD:
                deep.append(path)
        self._load((), tree)
        for path in deep:
            if path not in self.loaded:
                self.loaded[path] = self.writer.name("v")
                self._look_up(self.loaded[path[:DEEPEST_LOAD]], path[:DEEPEST_LOAD], (path,))

    def _load(self, prefix: Keys, tree: Mapping[str, Any]) -> None:
        new = {key: branch for key, branch in tree.items() if (*prefix, key) not in self.loaded}
        for path in _paths(prefix, new):
            self.loaded[path] = self.writer.name("v")
        if new:
            self._load_members(prefix, new)
        for key in tree:
            if key not in new:
                self._load((*prefix, key), tree[key])

    def _load_members(self, prefix: Keys, tree: Mapping[str, Any]) -> None:
        if self.trusted is not None:
            self._load_trusting(prefix, tree, self.trusted)
            return
        holder = self.loaded[prefix]
        paths = list(_paths(prefix, tree))
        unsure = bool(prefix) or not self.is_object
        if unsure:
            self.line(f"if type({holder}) is dict:")
            self.indent += 1
        for key, branch in tree.items():
            path = (*prefix, key)
            self.line(f"{self.loaded[path]} = {holder}.get({key!a}, U)")
            if branch:
                self._load_members(path, branch)
        if unsure:
            self.indent -= 1
            self.line(f"elif {holder} is U:")
            self.line(f"    {' = '.join(self.loaded[path] for path in paths)} = U")
            self.line("else:")
            self.indent += 1
            self._look_up(holder, prefix, paths)
            self.indent -= 1

    def _load_trusting(self, prefix: Keys, tree: Mapping[str, Any], wanted: frozenset[Keys]) -> None:
        holder = self.loaded[prefix]
        may_lack = bool(prefix) and prefix in wanted
        if may_lack:
            self.line(f"if {holder} is U:")
            self.line(f"    {' = '.join(self.loaded[path] for path in _paths(prefix, tree))} = U")
            self.line("else:")
            self.indent += 1
        for key, branch in tree.items():
            path = (*prefix, key)
            missing = "EMPTY" if branch and path not in wanted else "U"
            found = f"{holder}[{key!a}]" if path in ALWAYS else f"{holder}.get({key!a}, {missing})"
            self.line(f"{self.loaded[path]} = {found}")
            if branch:
                self._load_trusting(path, branch, wanted)
        if may_lack:
            self.indent -= 1

    def _look_up(self, holder: str, prefix: Keys, paths: Iterable[Keys]) -> None:
        for path in paths:
            rest = self.writer.keys(path[len(prefix) :])
            self.line(f"{self.loaded[path]} = lookup({holder}, {rest})")


def _paths(prefix: Keys, tree: Mapping[str, Any]) -> Iterable[Keys]:
    for key, branch in tree.items():
        path = (*prefix, key)
        yield path
        yield from _paths(path, branch)
