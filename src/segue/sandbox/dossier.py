"""People as the control API shows them: found by any identifier, one line or everything."""

from typing import Any

import msgspec

from segue.sandbox.clock import iso
from segue.sandbox.people import People, digits
from segue.sandbox.person import Person


def search(people: People, query: str, *, exact: bool = False) -> list[Person]:
    """Who answers to an identifier: external id, braze id, email, phone, or alias as `label:name`.

    exact  False also finds external ids and emails that begin with the query; nothing asked finds everybody
    """
    if not query:
        return [] if exact else list(people)
    found: dict[str, Person] = {}
    for person in (people.by_external_id(query), people.by_braze_id.get(query)):
        if person is not None:
            found[person.braze_id] = person
    for place, letter in enumerate(query):
        if letter == ":" and (person := people.by_alias(query[place + 1 :], query[:place])) is not None:
            found[person.braze_id] = person
    several = people.with_email(query)
    if len(digits(query)) >= 6:
        several += people.with_phone(query)
    if not exact:
        several += [person for person in people if _begins(person, query)]
    for person in several:
        found[person.braze_id] = person
    return list(found.values())


def line(person: Person) -> dict[str, Any]:
    """A person in one line of a list."""
    return {
        "braze_id": person.braze_id,
        "external_id": person.external_id,
        "aliases": [f"{label}:{name}" for label, name in person.aliases.items()],
        "email": person.fields.get("email"),
        "created_at": iso(person.created_ms),
        "updated_at": iso(person.updated_ms),
        "events": len(person.events),
        "purchases": len(person.purchases),
        "custom_attributes": len(person.custom),
    }


def whole(person: Person) -> dict[str, Any]:
    """Everything about a person, the whole event and purchase log included."""
    document: dict[str, Any] = msgspec.structs.asdict(person)
    document["created_at"] = iso(person.created_ms)
    document["updated_at"] = iso(person.updated_ms)
    document["total_revenue"] = person.revenue_cents / 100
    document["events"] = [
        {
            "name": event.name,
            "time": iso(event.time_ms),
            "received_at": iso(event.received_ms),
            "app_id": event.app_id,
            "properties": event.properties,
        }
        for event in person.events
    ]
    document["purchases"] = [
        {
            "product_id": purchase.product_id,
            "time": iso(purchase.time_ms),
            "received_at": iso(purchase.received_ms),
            "currency": purchase.currency,
            "price": purchase.price,
            "quantity": purchase.quantity,
            "app_id": purchase.app_id,
            "properties": purchase.properties,
        }
        for purchase in person.purchases
    ]
    if person.commerce is not None:
        document["commerce"] = {
            **msgspec.structs.asdict(person.commerce),
            "total_orders": person.commerce.total_orders,
            "total_revenue": person.commerce.revenue_cents / 100,
        }
    return document


def _begins(person: Person, query: str) -> bool:
    email = person.fields.get("email") or ""
    return (person.external_id or "").startswith(query) or email.lower().startswith(query.lower())
