"""Conditions between fields: whether they hold for a payload, and how they read.

holds(when("name", "is", "ecommerce.order_placed"), payload)
describe(conditions)  ->  when "name" is "ecommerce.order_placed"
"""

from collections.abc import Mapping
from typing import Any

from segue.kit.field import ABSENT, Condition, Conditions


def holds(conditions: Conditions, payload: Mapping[str, Any]) -> bool:
    """Say whether conditions hold for a payload that was cleaned but not yet coerced."""
    alone = len(conditions.claims) == 1
    claims = (_claim_holds(claim, payload, alone=alone) for claim in conditions.claims)
    return any(claims) if conditions.match == "any" else all(claims)


def describe(conditions: Conditions) -> str:
    """Conditions in words: ``when "name" is "ecommerce.order_placed"``."""
    joint = " or " if conditions.match == "any" else " and "
    return "when " + joint.join(map(_describe_claim, conditions.claims))


def _describe_claim(claim: Condition) -> str:
    value = "absent" if claim.value is ABSENT else quoted(claim.value)
    return f'"{claim.field}" {"is" if claim.operator == "is" else "is not"} {value}'


def quoted(value: object) -> str:
    """A value as it stands in a sentence."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _claim_holds(claim: Condition, payload: Mapping[str, Any], *, alone: bool) -> bool:
    value: Any = payload
    for part in claim.field.split(".", 1):
        value = value.get(part, ABSENT) if isinstance(value, Mapping) else ABSENT
    if claim.value is ABSENT:
        absent = value is ABSENT or (alone and value is None)
        return absent if claim.operator == "is" else not absent
    if value is ABSENT:
        return False
    same = value.__class__ is claim.value.__class__ and value == claim.value
    return same if claim.operator == "is" else not same
