"""Whatever a workspace holds, its text reads back as the same workspace."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.io.storage.workspace import parse_workspace
from segue.io.storage.yaml_text import workspace_text
from segue.model.workspace import Delivery, Destination, Filter, Source, Subscription, Workspace

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "yes",
        "no",
        "null",
        "~",
        "1e3",
        "0o17",
        "0x1f",
        "12:30",
        "2026-01-01",
        "<<",
        "=",
        "${A}",
        "$${A}",
        "- a",
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def whole(mapping: dict[str, Any], title: str = "") -> Workspace:
    """A workspace with something of everything."""
    return Workspace(
        name=title or "default",
        sources=(Source(id="web", name=title, write_keys=("a", "b")), Source(id="1e3", write_keys=("0o17",))),
        destinations=(
            Destination(
                id="braze",
                type="braze",
                source="web",
                settings={"api_key": "key", "endpoint": title},
                delivery=Delivery(wait_seconds=0.5),
                subscriptions=(
                    Subscription(
                        id="one", action="track-event", trigger=title, mapping=mapping, enabled=False
                    ),
                    Subscription(id="two", action="track-event", trigger="all", mapping={}),
                ),
                filters=(Filter(id="f", condition=title, actions=({"type": "DROP", "fields": mapping},)),),
            ),
        ),
    )


def read(text: str, **environment: str) -> Workspace:
    """The workspace a text holds."""
    workspace, _ = parse_workspace(text.encode(), environment)
    return msgspec.structs.replace(workspace, revision="")


@given(st.dictionaries(TEXTS, VALUES, max_size=4), TEXTS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
def test_any_workspace_reads_back_the_same(mapping: dict[str, Any], title: str) -> None:
    """Odd texts, numbers and names survive; nothing is taken for a variable."""
    workspace = whole(mapping, title)
    comments = {"destinations.braze.subscriptions.two": [title], "sources.web": ["x", title]}
    assert read(workspace_text(workspace, comments=comments, head=[title])) == workspace


def test_a_variable_stands_for_a_secret() -> None:
    """Only its name is in the text."""
    text = workspace_text(whole({}), references={"destinations.braze.settings.api_key": "BRAZE_API_KEY"})
    assert "api_key: ${BRAZE_API_KEY}" in text
    assert read(text, BRAZE_API_KEY="key") == whole({})


@pytest.mark.parametrize(
    ("place", "below"),
    [
        ("destinations.braze.subscriptions.two", "    - id: two"),
        ("destinations.braze.filters.f", "    - id: f"),
        ("destinations.braze.settings.nothing", "    settings:"),
        ("sources.web", "  web:"),
        ("somewhere.else", "name: shop"),
    ],
)
def test_a_comment_stands_above_what_it_is_about(place: str, below: str) -> None:
    """Above the nearest place around it when there is none such."""
    lines = workspace_text(whole({"a": {"b": "c"}}, "shop"), comments={place: ["look here"]}).splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip() == "# look here")
    assert lines[at + 1] == below


def test_defaults_are_not_written() -> None:
    """A file has only what somebody decided."""
    text = workspace_text(Workspace(sources=(Source(id="web", write_keys=("a",)),)))
    assert text == "sources:\n  web:\n    write_keys: [a]\n"
