"""What Braze lets pass and ignores, and how each is refused when the switch `strictness` says so.

Every rule a call can be warned of stands in one of the two tables: REFUSED is about the request itself and
can be answered at once; NOTED is only known when a request takes effect, or is what Braze's pages promise.
What device SDKs send (rules that begin with `sdk-`) is only ever noted: they are answered as they expect.
"""

from collections.abc import Mapping

REFUSED: Mapping[str, str] = {
    "array-expected": "array-required",
    "attribute-blocklisted": "not-allowed",
    "attribute-coerced": "not-valid",
    "attribute-left-out": "not-valid",
    "attribute-name-too-long": "not-valid",
    "attribute-type": "not-valid",
    "country-unmapped": "not-valid",
    "event-blocklisted": "not-allowed",
    "field-cleared": "not-valid",
    "field-not-set": "not-valid",
    "field-part-left-out": "not-valid",
    "product-blocklisted": "not-allowed",
    "properties-dropped": "not-valid",
    "property-left-out": "reserved-property",
    "reserved-property": "reserved-property",
    "string-truncated": "not-valid",
    "too-many-properties": "properties-too-large",
}
"""Rule of a warning to the text it is refused with (texts.py)."""

NOTED: Mapping[str, str] = {
    "alias-not-changed": "known only when it takes effect",
    "alias-taken": "success, nothing done, as documented",
    "already-identified": "success, nothing done, as documented",
    "array-on-other": "known only when it takes effect",
    "array-too-long": "the oldest values go, as documented",
    "audience": "why a broadcast was refused",
    "callback-not-called": "known only when it takes effect",
    "double-opt-in": "right, but nobody is asked to confirm here",
    "increment-on-other": "known only when it takes effect",
    "increment-too-far": "known only when it takes effect",
    "item-skipped": "success, nothing done, as documented",
    "nobody": "success, nothing done, as documented",
    "object-too-large": "known only when it takes effect",
    "objects-on-other": "known only when it takes effect",
    "objects-too-large": "known only when it takes effect",
    "schedule": "right, but everybody gets it at one time here",
    "recipient-attributes": "known only when it takes effect",
    "same-label": "success, nothing done, as documented",
}
"""Rule of a warning to why it stays one."""
