"""Hypothesis strategies for events, mappings and triggers: mostly plausible, sometimes hostile."""

from typing import Any

from hypothesis import strategies as st

from segue.language.condition import KINDS, NAMED, TESTS, UNARY, Condition, Group, keys_of
from segue.language.directive import NAMES as NAMES_OF_DIRECTIVES

HOSTILE = [
    "__class__",
    "constructor",
    "length",
    "a'b",
    'a"b',
    "a\nb",
    "{x}",
    "{{a}}",
    "%s",
    "$.",
    "",
    "0",
    "é",
    "🎉",
]
KEYS = st.sampled_from(["a", "b", "items", "n", "userId", "properties", *HOSTILE])

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(),
    st.floats(),
    st.sampled_from(["", " ", "x", "Blue Lamp", "{{a}}", "$&", "5", '{"k":[1]}', *HOSTILE]),
    st.text(max_size=8),
)


def json_values(leaves: st.SearchStrategy[Any] = SCALARS) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4), st.lists(inner, max_size=1)
        ),
        max_leaves=12,
    )


JSON = json_values()
EVENTS = st.dictionaries(KEYS, JSON, max_size=6)

PATHS = st.one_of(
    st.lists(KEYS, max_size=4).map(lambda keys: "$." + ".".join(keys)),
    st.sampled_from(["$.", "", "$", "$.items[0].a", "$.a['b']", "$.n.length", "items.0", "$.a[", "['a']"]),
)
TEMPLATES = st.lists(
    st.one_of(PATHS.map(lambda path: f"{{{{{path.removeprefix('$.')}}}}}"), PATHS, st.just("{{{a}}}")),
    max_size=3,
).map("".join)
LIQUID = st.sampled_from(
    [
        "{{ a }}-{{ items.size }}",
        "{{ n | plus: 1 | divided_by: 2 }}",
        "{% if a == b %}{{ a | json }}{% else %}{{ b | upcase }}{% endif %}",
        "{{ a | replace: 'x', b | append: n }}",
        "{{ items | join: a | split: '' | last }}",
        "{{ a | date }}{{ b | slice: 1, 2 }}{{ items | sort }}",
        "{% if a < b or items contains n %}1{% endif %}{{ items | sum | round: n }}",
    ]
)


SHORT = st.sampled_from(["a", "x", "l", "", "$&", "$`", "$'$$", "é", "🎉", "Blue", "longer than ten"])


@st.composite
def mapping_values(draw: st.DrawFn, depth: int = 3) -> Any:
    """A raw value or a directive, mostly well formed."""
    choice = draw(st.integers(0, 11)) if depth else 0
    if choice < 2:
        return draw(SCALARS)
    if choice < 4:
        return {"@path": draw(PATHS)}
    if choice == 4:
        return draw(st.lists(mapping_values(depth - 1), max_size=3))
    if choice == 5:
        return draw(objects(depth - 1))
    return draw(directives(depth))


@st.composite
def objects(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    keys = draw(st.lists(KEYS, max_size=3, unique=True))
    return {key: draw(mapping_values(max(depth, 0))) for key in keys}


@st.composite
def directives(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    """One directive; now and then with a member missing or odd."""
    inner = mapping_values(max(depth - 1, 0))
    name = draw(st.sampled_from(sorted(NAMES_OF_DIRECTIVES)))
    text = st.one_of(
        PATHS, PATHS.map(lambda path: {"@path": path}), TEMPLATES.map(lambda t: {"@template": t})
    )
    either = st.one_of(
        objects(depth - 1), PATHS.map(lambda path: {"@path": path}), directives(0) if depth < 1 else inner
    )
    match name:
        case "@path":
            return {name: draw(text)}
        case "@template":
            return {name: draw(st.one_of(TEMPLATES, text))}
        case "@literal" | "@excludeWhenNull":
            return {name: draw(inner)}
        case "@liquid":
            return {name: draw(LIQUID)}
    members: dict[str, Any] = {
        "@if": {"exists": inner, "blank": inner, "then": inner, "else": inner},
        "@case": {"operator": st.sampled_from(["lower", "upper", "title", ""]), "value": text},
        "@replace": {
            "pattern": SHORT,
            "value": text,
            "replacement": SHORT,
            "pattern2": SHORT,
            "replacement2": SHORT,
            "global": st.booleans(),
            "ignorecase": st.booleans(),
        },
        "@arrayPath": {"0": st.one_of(text, either), "1": either},
        "@merge": {
            "objects": st.lists(either, max_size=3),
            "direction": st.sampled_from(["left", "right", "Left"]),
        },
        "@json": {"mode": st.sampled_from(["encode", "decode", "Encode"]), "value": inner},
        "@flatten": {
            "value": inner,
            "separator": st.sampled_from(["_", ".", ""]),
            "omitArrays": st.booleans(),
        },
        "@transform": {"apply": either, "mapping": either},
    }[name]
    kept = {key: draw(strategy) for key, strategy in members.items() if draw(st.integers(0, 9))}
    return {name: list(kept.values()) if name == "@arrayPath" else kept}


MAPPINGS = st.one_of(objects(3), directives(3))

NAMES = st.one_of(
    st.sampled_from(
        ["total", "a.b", "list.0.id", "a b", "and", "null.x", "$id", "9", "-x", ".", "a..b", "x-y"]
    ),
    st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=6),
)
TEXTS = st.one_of(
    st.sampled_from(["Order Completed", "", "5", "true", "null", "'x'", "a*", "*a", 'say "hi"', "x\\y"]),
    st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=6),
)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """A condition as parsing can give it."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    name = draw(NAMES) if kind in NAMED else ""
    if kind == "event-field":
        name = draw(
            st.sampled_from(["anonymousId", "integrations.All", "messageId", "groupId", "integrations.a b"])
        )
    operator = draw(st.sampled_from(sorted(TESTS)))
    value: Any = draw(TEXTS)
    if operator in UNARY:
        if kind in ("event", "event-type") or (kind == "name" and operator.startswith("is_")):
            return Condition(kind, "=", name, value)
        return Condition(kind, operator, name)
    if operator.startswith("number"):
        if kind not in NAMED:
            return Condition(kind, "!=", name, value)
        return Condition(kind, operator, name, draw(st.integers(-(2**53) + 1, 2**53 - 1) | st.just(2.5)))
    if kind in NAMED and operator in ("<", "<=", ">", ">="):
        value = draw(TEXTS | st.integers(-100, 100) | st.booleans() | st.just(0.25))
    if kind in NAMED and operator == "!=":
        value = draw(TEXTS | st.booleans())
    return Condition(kind, operator, name, value)


@st.composite
def groups(draw: st.DrawFn, depth: int = 0) -> Group:
    """A root group as parsing can give it: no group with a single member inside."""
    operator = draw(st.sampled_from(["and", "or"]))
    count = draw(st.integers(1 if depth == 0 else 2, 4))
    return Group(operator, tuple(draw(nodes(depth)) for _ in range(count)))


@st.composite
def nodes(draw: st.DrawFn, depth: int) -> Any:
    choice = draw(st.integers(0, 9))
    if depth < 3 and choice > 7:
        return draw(groups(depth + 1))
    if depth < 3 and choice == 7:
        inner = draw(st.one_of(conditions(), groups(depth + 1)))
        return Group("not", (inner,))
    return draw(conditions())


def conditions_in(node: Any) -> list[Condition]:
    """Every condition of a trigger."""
    return (
        [node]
        if isinstance(node, Condition)
        else [one for each in node.children for one in conditions_in(each)]
    )


@st.composite
def triggers_and_events(draw: st.DrawFn) -> tuple[Group, dict[str, Any]]:
    """A trigger, and an event with something to say to it: at the place of most conditions there is a value
    that may fulfil it, or of another type, or the way there is cut short."""
    root = draw(groups())
    event: dict[str, Any] = draw(EVENTS)
    for condition in conditions_in(root):
        if draw(st.integers(0, 4)):
            _plant(event, keys_of(condition.type, condition.name), draw(_answers(condition)))
    return root, event


@st.composite
def conditions_and_events(draw: st.DrawFn) -> tuple[Condition, dict[str, Any]]:
    """One condition, and an event with something at its place."""
    condition = draw(conditions())
    event: dict[str, Any] = {"type": "track"}
    _plant(event, keys_of(condition.type, condition.name), draw(_answers(condition)))
    return condition, event


def _answers(condition: Condition) -> st.SearchStrategy[Any]:
    """A value that fulfils a condition, one that nearly does, or any."""
    text, number = str(condition.value), condition.value if type(condition.value) in (int, float) else 5
    fulfilling: dict[str, Any] = {
        "=": text,
        "!=": f"{text}x",
        "contains": f"x{text}x",
        "not_contains": "\x01",
        "starts_with": f"{text}x",
        "not_starts_with": "\x01",
        "ends_with": f"x{text}",
        "not_ends_with": "\x01",
        "number_equals": float(number),
        "number_not_equals": number + 1,
        "<": number - 1,
        "<=": number,
        ">": number + 1,
        ">=": number,
        "exists": 0,
        "not_exists": None,
        "is_true": True,
        "is_false": False,
    }
    nearly = st.sampled_from([text, number, number + 1, True, False, None, "", {}])
    return st.one_of(st.just(fulfilling[condition.operator]), nearly, SCALARS, JSON)


def _plant(event: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    inner: Any = event
    for key in keys[:-1]:
        if type(inner.get(key)) is not dict:
            inner[key] = {}
        inner = inner[key]
    if keys:
        inner[keys[-1]] = value
