"""Whom a text names, when what is kept of somebody is to be removed."""

import pytest

from segue.engine.erasure import mentions


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ('{"userId":"ada"}', True),
        ('{"userId": "adam", "event": "canada"}', False),
        ('{"userId":"\\u0061da"}', True),
        ('{"userId":"a\\"b"}', False),
        ('{"userId":17,"event":', True),
        ('{"userId":171}', False),
        ('{"traits":{"ids":["x","ada', True),  # torn behind the id
        ("userId=ada&event=x", True),
        ('"ada" is no userId of this source', True),
        ("\x00\ufffd\\", False),
        ("", False),
    ],
)
def test_an_id_is_found_as_a_whole_value_or_word(text: str, is_named: bool) -> None:
    """In whole JSON, in torn JSON and in none; never inside of another id."""
    assert mentions(text, {"ada", "17"}) is is_named


def test_an_id_with_a_quote_in_it_is_found() -> None:
    """As it is written in JSON."""
    assert mentions('{"userId":"a\\"b\\u00e9"}', {'a"bé'})
