"""The listed differences of Braze cloud mode (docs/explain/differences.md), as rules for the comparison.

A rule never knows a case: it is told from settings, mapping, mapped payloads, canned answers and the two
outcomes, and holds for every case it fits.

    Event    one event is compared no further: its objects leave both sides, its fate is one of `becomes`.
             An `early` rule is about what is sent: such events are set apart before the answers are given
    Object   every object of every request is rewritten on both sides before it is compared
    Whole    every request is rewritten on both sides
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from tests.conformance.braze_play import SYNC_MODE, UNSAID, Fate, Json, Played, subscription

from segue.catalog.braze.destination import BRAZE, ENDPOINTS
from segue.kit.field import Field
from segue.language import trigger as triggers
from segue.language.javascript import text_of
from segue.model.errors import InvalidTrigger


class View(msgspec.Struct, kw_only=True):
    """A case and both of its outcomes."""

    case: Json
    ours: Played
    recorded: Played

    @property
    def fields(self) -> dict[str, Field]:
        found = BRAZE.action(subscription(self.case)[0])
        assert found is not None
        return dict(found[0].fields_of(subscription(self.case)[0]))

    @property
    def sync_mode(self) -> Any:
        return subscription(self.case)[1].get(SYNC_MODE)

    def payload(self, number: int) -> Json:
        payload = self.ours.payloads[number] if self.ours.payloads else None
        return payload if isinstance(payload, dict) else {}


class Event(msgspec.Struct, kw_only=True):
    """`fits` says whether event `number` falls under the difference."""

    name: str
    becomes: tuple[str, ...]
    early: bool = True
    fits: Callable[[View, int, Fate, Fate], bool]


class Object(msgspec.Struct, kw_only=True):
    name: str
    rewrite: Callable[[View, Json], Json]


class Whole(msgspec.Struct, kw_only=True):
    name: str
    rewrite: Callable[[View, Json], Json]


SENT = ("delivered", "failed")


def _left_out(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """Everything the recorded refusal complains of is a field or element that we left out."""
    if recorded.kind != "refused" or not ours.notes:
        return False
    if recorded.message == UNSAID:
        return True
    labels = {label for path, _ in ours.notes for label in _labels(view.fields, path)}
    sentences = re.split(r"(?<=\.) (?=[A-Z])", recorded.message)
    return all(any(label in sentence for label in labels) for sentence in sentences)


def _labels(fields: dict[str, Field], path: str) -> Iterator[str]:
    """What a recorded message may call the place a note speaks of: a label, or a JSON pointer."""
    parts = re.findall(r"[^.\[\]]+", path)
    for end in range(1, len(parts) + 1):
        yield "/" + "/".join(parts[:end])
    known: Any = fields
    for part in parts:
        field = known.get(part) if known else None
        if field is not None:
            yield field.label
            known = field.properties


def _lone(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """A text or number alone in a list: the original takes it for plain texts, not where null or a date may
    stand; a number is its text there, and so may be no date."""
    lone = [
        field.label
        for key, field in view.fields.items()
        if isinstance(value := view.payload(number).get(key), list)
        and len(value) == 1
        and isinstance(value[0], str | int | float)
    ]
    said = recorded.message == UNSAID or any(label in recorded.message for label in lone)
    return recorded.kind == "refused" and bool(lone) and said


def _partial(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    if recorded.kind != "delivered" or ours.kind != "failed":
        return False
    answers = [answer.get("json") for answer in view.case.get("responses", ())]
    texts = [
        str(error) for answer in answers if isinstance(answer, dict) for error in answer.get("errors") or ()
    ]
    return any(ours.message.split(" (object")[0] in text for text in texts)


def _fatal_2xx(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    answers = [answer for answer in view.case.get("responses", ()) if 200 <= answer.get("status", 0) < 300]
    messages = [answer["json"].get("message") for answer in answers if isinstance(answer.get("json"), dict)]
    return recorded.kind == "delivered" and bool(ours.message) and ours.message in messages


def _no_products(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    return ours.kind == "filtered" and ours.message == "no_products"


def _over_75(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """Of a single send our requests carry the same purchases as the recorded one, 75 at a time."""
    if _slug(view) != "track-purchase":
        return False
    if len(_products(view.payload(number))) > 75 and not view.case.get("batch"):
        return ours.kind in SENT and recorded.kind in SENT
    if recorded.kind == "failed" and not recorded.status:
        # A batch that failed as a whole does not say which orders it had put off.
        return sum(len(_products(payload)) for payload in view.ours.payloads) > 75
    return recorded.code == "RETRYABLE_ERROR" or (recorded.status == 413 and not _answers(view, 413))


def _answers(view: View, status: int) -> bool:
    return any(answer.get("status") == status for answer in view.case.get("responses", ()))


def _blank(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """An empty text at the top level: the original keeps it in a batch."""
    blank = [key for key, value in view.payload(number).items() if value == "" and key in view.fields]
    if not view.case.get("batch") or not blank:
        return False
    if recorded.message == UNSAID:
        return True
    if recorded.kind == "refused" and recorded is not ours:
        labels = [view.fields[key].label for key in blank]
        return any(label in recorded.message for label in labels)
    return ours.kind == "refused"


def _null_in_list(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """A null member of an object in a list: the original makes 0 or an empty text of it, and then sends or
    refuses that. We refuse when it is needed, and send without it when it is not."""
    names = _nulls_in_lists(view.payload(number))
    if ours.kind == "refused":
        return recorded.kind in SENT and bool(names)
    labels = {field.label for field in _all_fields(view.fields) if field.key in names}
    return recorded.kind == "refused" and any(label in recorded.message for label in labels)


class _Named(msgspec.Struct):
    key: str
    label: str


def _all_fields(fields: dict[str, Field]) -> Iterator[_Named]:
    for key, field in fields.items():
        yield _Named(key, field.label)
        yield from _all_fields(dict(field.properties or {}))


def _nulls_in_lists(value: Any, inside: bool = False) -> set[str]:
    """Names of members that are null in an object somewhere inside a list."""
    if isinstance(value, list):
        return set().union(*(_nulls_in_lists(element, True) for element in value))
    if not isinstance(value, dict):
        return set()
    found = {key for key, member in value.items() if member is None} if inside else set()
    return found.union(*(_nulls_in_lists(member, inside) for member in value.values()))


DATE_KEYS = ("time", "dob", "date_of_first_session", "date_of_last_session", "marked_email_as_spam_at")


def _odd_date(value: Any) -> bool:
    """Digits alone, ten-digit numbers, short fractions without a zone, numbers beyond any date, texts that
    hold a number but no year."""
    if isinstance(value, list) and len(value) == 1:
        # A number alone in a list is taken for its text, so that -1 is a year.
        return _odd_date(value[0]) or str(value[0]).strip().isdigit() or isinstance(value[0], int | float)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 10**9 <= abs(value) < 10**10 or abs(value) > 8.64e15
    if not isinstance(value, str):
        return False
    text = value.strip()
    digits = bool(re.fullmatch(r"-?\d+(\.\d+)?", text)) and not re.fullmatch(r"\d{4}|\d{6}|\d{8}", text)
    return (
        digits
        or text.startswith("00")
        or bool(re.search(r"\d[.:]\d{1,2}$", text) and re.search(r":\d\d[.:]\d{1,2}$", text))
    )


def _guessed_date(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """A date only the host's parser would take: we say that it is none."""
    if ours.kind == "refused" and "time" not in ours.message:
        return False
    values = [view.payload(number).get(key) for key in DATE_KEYS]
    left = [path for path, _ in ours.notes if path in DATE_KEYS]
    return recorded.kind in SENT and (ours.kind == "refused" or bool(left)) and any(values)


def _odd_dates_aside(view: View, item: Json) -> Json:
    odd = {key for payload in view.ours.payloads for key in DATE_KEYS if _odd_date((payload or {}).get(key))}
    return {key: value for key, value in item.items() if key not in odd}


def _internal_error(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """The original broke: an error without a status where no answer failed to come."""
    broken = recorded.kind == "failed" and not recorded.status
    given = view.case.get("responses", ())[: len(view.recorded.requests)]
    return broken and not any("network_error" in answer for answer in given)


def _broken_at_once(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """It broke before it asked anything."""
    return not view.recorded.requests and _internal_error(view, number, ours, recorded)


def own_endpoint(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    known = [choice.value for choice in ENDPOINTS]
    return recorded.kind == "refused" and view.case["settings"].get("endpoint") not in known


def _unbatched(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """A batch for an action that takes single events only there: 501 for all of it, and nothing is sent."""
    return bool(view.case.get("batch")) and (recorded.status, recorded.code) == (501, "NotImplemented")


def _mapping_refused(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """A mapping that fails on one event: the original gives up the whole batch, or finds out late."""
    return any(
        payload is None and fate.kind == "refused"
        for payload, fate in zip(view.ours.payloads, view.ours.fates, strict=False)
    )


def _trigger(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """A trigger the original cannot read and we can, or one with two readings: the page's first section."""
    unread = "nvalid subscription" in recorded.message or "validate subscription" in recorded.message
    try:
        text = subscription(view.case)[2]
        return unread or (text is not None and bool(triggers.parse(text).warnings))
    except InvalidTrigger:
        return True


def _ecommerce_release(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """Recorded with 3.497: an unset sync mode is refused, carts are unknown."""
    slug = subscription(view.case)[0]
    if slug not in ("ecommerce", "ecommerceSingleProduct"):
        return False
    if recorded.kind != "refused":
        # Errors in a 2xx are put to the event at that position of the whole batch, refused ones counted in.
        return any(fate.kind == "refused" for fate in view.ours.fates) and fates_differ(ours, recorded)
    cart = view.payload(number).get("name") == "ecommerce.cart_updated"
    return cart or view.sync_mode not in ("add", "update")


def fates_differ(ours: Fate, recorded: Fate) -> bool:
    return {ours.kind, recorded.kind} in ({"delivered", "failed"}, {"refused", "failed"})


def _catalog(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    """Faults of a catalog call: one code each here, 500 for everything unexpected there."""
    if subscription(view.case)[0] != "upsertCatalogItem":
        return False
    unset = view.sync_mode not in ("upsert", "delete")
    unnamed = "catalog is chosen" in ours.message
    twice = "unique item_id" in recorded.message
    words = recorded.code in ("RETRYABLE_ERROR", "Error upserting item", "Error deleteing item")
    gone = ours.kind == "delivered" and bool(ours.message) and view.sync_mode == "delete"
    return unset or unnamed or twice or gone or (words and ours.kind in SENT)


def _prioritization(view: View, number: int, ours: Fate, recorded: Fate) -> bool:
    return "prioritization.first_priority" in ours.message and recorded.kind in SENT


EVENTS = (
    Event(name="a bad optional field", becomes=SENT, fits=_left_out),
    Event(name="a lone value in a list", becomes=("refused", *SENT), fits=_lone),
    Event(name="an order without products", becomes=("filtered",), fits=_no_products),
    Event(name="more than 75 products", becomes=("refused", *SENT), fits=_over_75),
    Event(name="empty texts", becomes=("refused", *SENT), fits=_blank),
    Event(name="null in lists", becomes=("refused", *SENT), fits=_null_in_list),
    Event(name="dates", becomes=("refused", *SENT), fits=_guessed_date),
    Event(name="internal errors", becomes=("refused", *SENT), fits=_broken_at_once),
    Event(name="any endpoint", becomes=("refused", *SENT), fits=own_endpoint),
    Event(name="batches of everything", becomes=("refused", *SENT), fits=_unbatched),
    Event(name="a mapping that fails", becomes=("refused", *SENT), fits=_mapping_refused),
    Event(name="triggers", becomes=("refused", "skipped", *SENT), fits=_trigger),
    Event(name="ecommerce of the newer release", becomes=("refused", *SENT), fits=_ecommerce_release),
    Event(
        name="ecommerce of the newer release",
        becomes=("refused", *SENT),
        fits=_ecommerce_release,
        early=False,
    ),
    Event(name="an empty prioritization", becomes=("refused",), fits=_prioritization),
    Event(name="errors in a 2xx answer", becomes=("failed",), fits=_partial, early=False),
    Event(name="a fatal message in a 2xx answer", becomes=("failed",), fits=_fatal_2xx, early=False),
    Event(name="internal errors", becomes=("refused", *SENT), fits=_internal_error, early=False),
    Event(name="catalog items", becomes=("refused", *SENT), fits=_catalog, early=False),
)

RESERVED = ("time", "event_name", "product_id", "quantity", "price", "currency")


def _reserved_aside(view: View, item: Json) -> Json:
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return item
    taken = RESERVED if "product_id" in item else RESERVED[:2]
    if str(item.get("name", "")).startswith("ecommerce."):
        taken = ()
    return {**item, "properties": {key: value for key, value in properties.items() if key not in taken}}


def _currency_aside(view: View, item: Json) -> Json:
    """A purchase's currency, unless its product carries one of its own."""
    if "product_id" not in item or "currency" not in item:
        return item
    own = [product.get("currency") for payload in view.ours.payloads for product in _products(payload)]
    orders = [
        payload["properties"].get("currency")
        for payload in view.ours.payloads
        if isinstance(payload, dict) and isinstance(payload.get("properties"), dict)
    ]
    if any(currency in (None, "", [None], [""]) for currency in own) and item["currency"] in (
        "USD",
        "",
        *orders,
    ):
        return {key: value for key, value in item.items() if key != "currency"}
    return item


def _products(payload: Any) -> list[Json]:
    products = payload.get("products") if isinstance(payload, dict) else None
    products = products if isinstance(products, list) else [products]
    return [product for product in products if isinstance(product, dict)]


def _inner_nulls_aside(view: View, item: Json) -> Json:
    if "update-user-profile" not in _slug(view):
        return item
    return {key: _without_nulls(value) for key, value in item.items()}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    return [_without_nulls(element) for element in value] if isinstance(value, list) else value


def _purchase_names_aside(view: View, item: Json) -> Json:
    if "update-user-profile" not in _slug(view):
        return item
    return {key: value for key, value in item.items() if key not in ("time", "products", "properties")}


def _slug(view: View) -> str:
    found = BRAZE.action(subscription(view.case)[0])
    assert found is not None
    return found[0].slug


def _null_last_name_aside(view: View, item: Json) -> Json:
    return {key: value for key, value in item.items() if key != "last_name" or value is not None}


def _blanks_aside(view: View, item: Json) -> Json:
    if not view.case.get("batch"):
        return item
    return {key: value for key, value in item.items() if value != "" or key not in view.fields}


def _lone_blanks_aside(view: View, item: Json) -> Json:
    """An empty text alone in a list: the original makes null of it where null may stand, and it clears."""
    lone = {key for payload in view.ours.payloads for key, value in (payload or {}).items() if value == [""]}
    return {key: value for key, value in item.items() if key not in lone or value not in (None, "")}


def _list_nulls_aside(view: View, item: Json) -> Json:
    names: set[str] = set().union(*(_nulls_in_lists(payload) for payload in view.ours.payloads if payload))
    return _without_empties(item, names) if names else item


def _without_empties(value: Any, names: set[str]) -> Any:
    """Members of these names go when they hold what the original makes of a null."""
    if isinstance(value, list):
        return [rest for element in value if (rest := _without_empties(element, names)) != {}]
    if not isinstance(value, dict):
        return value
    kept = {k: v for k, v in value.items() if k not in names or v not in (0, "", False, None)}
    return {
        key: rest
        for key, member in kept.items()
        if (rest := _without_empties(member, names)) != [] or not member
    }


def _newer_ecommerce_aside(view: View, item: Json) -> Json:
    if not str(item.get("name", "")).startswith("ecommerce."):
        return item
    added = ("subtotal_value", "tax", "shipping", "action", "type")
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return item
    return {**item, "properties": {k: v for k, v in properties.items() if k not in added}}


def _prioritization_aside(view: View, item: Json) -> Json:
    people = item.get("emails_to_identify")
    if not isinstance(people, list):
        return item
    cleaned = [{**one, "prioritization": [x for x in one.get("prioritization", ()) if x]} for one in people]
    return {**item, "emails_to_identify": cleaned}


OBJECTS = (
    Object(name="dates", rewrite=_odd_dates_aside),
    Object(name="null in lists", rewrite=_list_nulls_aside),
    Object(name="the order's currency", rewrite=_currency_aside),
    Object(name="reserved property names", rewrite=_reserved_aside),
    Object(name="null inside a nested attribute", rewrite=_inner_nulls_aside),
    Object(name="traits named like purchase fields", rewrite=_purchase_names_aside),
    Object(name="lastName: null", rewrite=_null_last_name_aside),
    Object(name="empty texts", rewrite=_blanks_aside),
    Object(name="a lone value in a list", rewrite=_lone_blanks_aside),
    Object(name="ecommerce of the newer release", rewrite=_newer_ecommerce_aside),
    Object(name="an empty prioritization", rewrite=_prioritization_aside),
)


def _batch_header_aside(view: View, request: Json) -> Json:
    """The header follows the number of objects here; ecommerce batches always had it."""
    headers = {name: value for name, value in request["headers"].items() if name != "x-braze-batch"}
    return {**request, "headers": headers}


def _catalog_address(view: View, request: Json) -> Json:
    """One item and several are put alike: the catalog's own address and items with their id. What a deletion
    says beside the id has no meaning; of an id that repeats, which item is kept is not compared."""
    if "/catalogs/" not in request["url"]:
        return request
    base, _, own_id = request["url"].partition("/items")
    items = []
    for number, item in request["items"]:
        item_id = own_id.strip("/") or item["id"]
        bare = request["method"] == "DELETE" or _times(view, item_id) > 1
        items.append((number, {"id": item_id} if bare else {**item, "id": item_id}))
    return {**request, "url": f"{base}/items", "items": items}


def _times(view: View, item_id: str) -> int:
    ids = ((payload or {}).get("item_id") for payload in view.ours.payloads)
    return sum(text_of(each[0] if isinstance(each, list) and each else each) == item_id for each in ids)


WHOLES = (
    Whole(name="the batch header", rewrite=_batch_header_aside),
    Whole(name="catalog items", rewrite=_catalog_address),
)
