"""Recorded mappings through `prepare` and `resolve`.

Listed differences (docs/explain/differences.md, "Trigger and mapping languages") are told from the mapping,
never by case: a mapping that is no object, and a fault inside an array, a plain object that `@literal` or
`@excludeWhenNull` holds, or a Liquid template, which we refuse when the mapping is published and the original
only when it reaches the fault, if it finds it at all.
"""

import re
from typing import Any

import pytest
from tests.conformance.cases import cases
from tests.conformance.equality import same

from segue.language import mapping
from segue.language.check import problems
from segue.model.errors import InvalidMapping


@pytest.mark.parametrize(("case", "expected"), cases("mapping"))
def test_a_recorded_mapping_gives_the_recorded_payload(case: dict[str, Any], expected: Any) -> None:
    """Output, absence of output, or error: as recorded."""
    if is_refused_early(case["mapping"]):
        with pytest.raises(InvalidMapping):
            mapping.prepare(case["mapping"])
    else:
        assert same(outcome(case), expected)


@pytest.mark.parametrize(("case", "expected"), cases("mapping"))
def test_an_explanation_ends_with_what_resolving_gives(case: dict[str, Any], expected: Any) -> None:
    """The last step of the explanation is the outcome."""
    try:
        steps = mapping.explain(case["mapping"], case.get("payload", {}))
    except InvalidMapping:
        assert problems(case["mapping"])
        return
    last = steps[-1]
    if last.error:
        told: dict[str, Any] = {"error": True}
    elif last.output is mapping.UNDEFINED:
        told = {"output_undefined": True}
    else:
        told = {"output": last.output}
    assert same(told, outcome(case))


def is_refused_early(source: Any) -> bool:
    """Say whether the mapping falls under a listed difference of when and what is refused."""
    if not isinstance(source, dict):
        return True
    found = problems(source)
    return bool(found) and all(
        any(part.isdigit() for part in pointer.split("/"))
        or pointer.endswith("/@liquid")
        or re.search(r"/@(literal|excludeWhenNull)/[^@]", pointer)
        for pointer, _ in found
    )


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    try:
        output = mapping.resolve(case["mapping"], case.get("payload", {}))
    except InvalidMapping:
        return {"error": True}
    return {"output_undefined": True} if output is mapping.UNDEFINED else {"output": output}
