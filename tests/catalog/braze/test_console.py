"""What the console asks Braze for: choices of dynamic fields, and making a catalog."""

from typing import Any

import orjson
import pytest
from tests.catalog.braze.pages import SETTINGS, page

from segue.catalog.braze.destination import BRAZE
from segue.kit.coerce import Coercer
from segue.kit.field import Choice
from segue.model.delivery import Response
from segue.model.errors import InvalidPayload


def answer(body: Any, status: int = 200) -> Response:
    return Response(status=status, body=orjson.dumps(body))


@pytest.mark.parametrize(
    ("name", "path", "none"), [("campaigns", "campaigns", "404"), ("canvases", "canvas", "")]
)
def test_messages_are_listed_page_by_page_until_an_empty_one(name: str, path: str, none: str) -> None:
    """Each choice has its name and id; that there is none at all is said, and for campaigns an error."""
    key = name
    choices = BRAZE.choices[name]
    assert choices.request(SETTINGS, "", {}).url.endswith(f"/{path}/list?page=0")
    found = choices.read(answer({key: [{"id": "1", "name": "Spring"}, {"id": "2"}, "?"]}), "", {})
    assert found.choices == [Choice("1", "Spring"), Choice("2", "2")]
    assert choices.request(SETTINGS, found.next, {}).url.endswith("?page=1")
    last = choices.read(answer({key: []}), found.next, {})
    assert (last.next, last.code) == ("", "")
    empty = choices.read(answer({key: []}), "", {})
    assert (empty.code, empty.problem) == (none, f"Braze has no {name} yet")
    broken = choices.read(answer({"message": "Invalid API Key"}, 401), "", {})
    assert broken.code == "500"
    assert "Invalid API Key" in broken.problem


CATALOGS = {
    "catalogs": [{"name": "products", "fields": [{"name": "id"}, {"name": "price"}]}, {"name": "shops"}]
}


def test_catalogs_and_their_fields_are_listed_without_the_id() -> None:
    """The fields of the catalog the mapping's hook chose."""
    assert [c.value for c in BRAZE.choices["catalogs"].read(answer(CATALOGS), "", {}).choices] == [
        "products",
        "shops",
    ]
    fields = BRAZE.choices["catalog-fields"]
    assert [c.value for c in fields.read(answer(CATALOGS), "", {"catalog_name": "products"}).choices] == [
        "price"
    ]
    assert fields.read(answer(CATALOGS), "", {"catalog_name": "none"}).code == "404"
    assert fields.read(answer({}), "", {"catalog_name": "products"}).code == "404"


def test_subscription_groups_are_those_of_a_person() -> None:
    """Braze lists them no other way; both shapes of the answer are read."""
    groups = BRAZE.choices["subscription-groups"]
    assert "external_id=a%26b&limit=100&offset=0" in groups.request(SETTINGS, "", {"external_id": "a&b"}).url
    nested = {"users": [{"subscription_groups": [{"id": "g1", "name": "News"}]}]}
    assert groups.read(answer(nested), "", {}).choices == [Choice("g1", "News")]
    assert groups.read(answer({"users": []}), "", {}).code == "404"


HOOK = page("upsert-catalog-item").hooks["onMappingSave"]


def test_choosing_a_catalog_asks_nobody() -> None:
    """Its name is the hook's output."""
    inputs, _ = Coercer(HOOK.fields).coerce({"operation": "select", "selected_catalog_name": "products"})
    assert HOOK.request(inputs, SETTINGS) is None
    assert HOOK.read(inputs, None) == {"catalog_name": "products"}


def test_making_a_catalog_puts_the_id_first() -> None:
    """A column called id is not repeated."""
    columns = [{"name": "id", "type": "string"}, {"name": "price", "type": "number", "x": 1}]
    inputs, _ = Coercer(HOOK.fields).coerce(
        {"operation": "create", "created_catalog_name": "c", "columns": columns}
    )
    request = HOOK.request(inputs, SETTINGS)
    assert request is not None
    assert orjson.loads(request.body) == {
        "catalogs": [
            {
                "name": "c",
                "description": "",
                "fields": [{"name": "id", "type": "string"}, {"name": "price", "type": "number"}],
            }
        ]
    }
    assert HOOK.read(inputs, answer({}, 201)) == {"catalog_name": "c"}
    with pytest.raises(InvalidPayload, match="A catalog with that name already exists"):
        HOOK.read(inputs, answer({"errors": [{"message": "A catalog with that name already exists"}]}, 400))


def test_a_hook_without_what_its_operation_needs_is_refused() -> None:
    """Each is named."""
    with pytest.raises(InvalidPayload, match=r"created_catalog_name.*columns"):
        Coercer(HOOK.fields).coerce({"operation": "create"})
