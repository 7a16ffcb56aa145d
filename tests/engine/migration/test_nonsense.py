"""Whatever JSON is in the folder, an import ends with remarks and never with an exception."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.migration.exported import destination, filter_, source, subscription

from segue.catalog.contents import catalogue
from segue.engine.migration.export import read_export
from segue.engine.migration.migrate import migrate

PAGES = catalogue()

WHOLE = {"sources": source(), "destinations": destination(), "subscriptions": subscription()}

KEYS = sorted(
    {key for each in (source(), destination(), subscription(), filter_()) for key in each}
    | {"data", "pagination", "resources", "version", "values", "root_module", "child_modules", "instances"}
    | {"modules", "primary", "attributes_flat", "settings.%", "settings.a.b", "actions.#", "actions.0.fields"}
    | {"attributes", "type", "current", "next", "errors", "fields", "percent", "insertFunctionInstances"}
    | {*WHOLE, "filters", "filter", "transformations", "integrationId", "modelId", "api_key", "endpoint"}
)

SCALARS = st.sampled_from(
    [
        None,
        True,
        0,
        3,
        4,
        1.5,
        "",
        "src_1",
        "dst_1",
        "all",
        "wk",
        "trackEvent",
        'type = "track"',
        "segment_source",
    ]
)

JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


@given(JSON)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
def test_any_document_is_read_or_remarked_on(document: Any) -> None:
    """Known words in unknown places stop nothing."""
    migrate(read_export([("x.json", document)]), PAGES)


@given(
    st.sampled_from(["source", "destination", "subscription", "filter"]),
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
def test_a_good_thing_with_odd_members_stops_nothing(kind: str, odd: dict[str, Any]) -> None:
    """A field of the wrong type costs its own entry at most; the other source is always there."""
    makers = {"source": source, "destination": destination, "subscription": subscription, "filter": filter_}
    documents: list[Any] = [{"sources": [source(), source("src_9")]}, {"destinations": [destination()]}]
    documents += [{"subscriptions": [subscription()]}, {f"{kind}s": [{**makers[kind](), **odd}]}]
    moved = migrate(read_export([(f"{n}.json", each) for n, each in enumerate(documents)]), PAGES)
    assert "src-9" in {each.id for each in moved.workspace.sources}
