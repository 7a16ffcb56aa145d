"""Liquid templates: output, comparison and filters as in JavaScript; what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.language.strategies import EVENTS

from segue.language import mapping
from segue.model.errors import InvalidMapping

PAYLOAD: dict[str, Any] = {
    "shop": "Nord",
    "n": 7,
    "nil": None,
    "zero": 0,
    "no": False,
    "yes": True,
    "blank": "",
    "txt": "Blue Lamp",
    "list": [10, 20],
    "items": [{"sku": "A1", "ok": True}, {"sku": "B2", "ok": False}],
    "deep": [[1, [2]], 3],
    "five": "5",
    "huge": 1e21,
    "date": "2024-03-04T05:06:07.089+02:00",
}


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("{{ nil }}{{ missing.x.y }}{{ shop.nil.x }}", ""),
        ("{{ huge }} {{ 1.0 }} {{ yes }} {{ deep }} {{ items[0] }}", "1e+21 1 true 123 [object Object]"),
        ("{{ list[0] }}{{ list.1 }}{{ list[-1] }}{{ items.first.sku }}{{ items[1]['sku'] }}", "102020A1B2"),
        ("{{ txt.size }} {{ txt.length }} {{ list.size }} {{ txt[0] }}", "9 9 2 B"),
        ("{% if five > 3 %}a{% endif %}{% if missing < 3 %}b{% endif %}{% if nil < 3 %}c{% endif %}", "ac"),
        (
            "{% if n == '7' %}a{% endif %}{% if nil == missing %}b{% endif %}{% if yes == 1 %}c{% endif %}",
            "b",
        ),
        ("{% if zero %}a{% endif %}{% if blank %}b{% endif %}{% if nil %}c{% endif %}", "ab"),
        ("{% if blank == empty %}a{% endif %}{% if txt contains 'Lamp' %}b{% endif %}", "ab"),
        ("{% if list contains 10 %}a{% endif %}{% unless no %}b{% else %}c{% endunless %}", "ab"),
        ("{% if no or yes and zero %}a{% endif %}{% if not no %}b{% endif %}", "ab"),
        ("{% if yes %}  {% endif %}|{%- assign z = 1 -%} {{- z -}} ", "  |1"),
        (
            "{% capture a %}b{{ n }}{% endcapture %}{{ a }}{% raw %}{{ n }}{% endraw %}{% # note %}",
            "b7{{ n }}",
        ),
        ("{% cycle 'a', 'b' %}{% echo n %}{% comment %}x{% endcomment %}{% increment c %}", "a70"),
        ("{{ (1..3) }} {{ (1..3) | join: '+' }}", "123 1+2+3"),
        (
            "{{ n | divided_by: 2 }} {{ n | modulo: 4 }} {{ n | divided_by: 0 }} {{ 'x' | plus: 1 }}",
            "3.5 3 Infinity 1",
        ),
        (
            "{{ 3.14159 | round: 2 }} {{ 2.5 | round }} {{ -2.5 | round }} {{ 1.2 | ceil }} {{ -3 | abs }}",
            "3.14 3 -2 2 3",
        ),
        (
            "{{ five | at_least: 6 }} {{ five | at_most: 3 }} {{ five | times: five }} {{ n | minus: '1' }}",
            "6 3 25 6",
        ),
        ("{{ 9007199254740993 | plus: 0 }}{{ '12.5' | to_integer }}", "900719925474099212.5"),
        ("{{ 'a,b,,' | split: ',' | size }} {{ 'ab' | split: '' | last }}", "2 b"),
        ("{{ txt | replace: 'e', '3' }} {{ txt | replace_first: 'l', '[$&]' }}", "Blu3 Lamp B[l]ue Lamp"),
        (
            "{{ txt | remove: 'l' }} {{ 'xaxa' | remove_last: 'xa' }} {{ 'aXa' | replace_last: 'a', 'b' }}",
            "Bue Lamp xa aXb",
        ),
        (
            "{{ txt | truncate: 5 }} {{ txt | truncate: 6, '' }} {{ txt | truncatewords: 1 }}",
            "Bl... Blue L Blue...",
        ),
        ("{{ txt | slice: 0, 4 }} {{ txt | slice: -4, 2 }} {{ list | slice: 1 }}", "Blue La 20"),
        ("{{ '  x ' | strip }}|{{ '  x ' | lstrip }}|{{ 'xxaxx' | rstrip: 'x' }}", "x|x |xxa"),
        (
            "{{ '<b>\"&' | escape }} {{ '&lt;<' | escape_once }} {{ '<p>a<!-- > -->b' | strip_html }}",
            "&lt;b&gt;&#34;&amp; &lt;&lt; ab",
        ),
        (
            "{{ \"a b'é\" | url_encode }} {{ 'a%20b+c' | url_decode }} {{ \"it's\" | cgi_escape }}",
            "a+b'%C3%A9 a b c it%27s",
        ),
        (
            "{{ 'Hé, W' | slugify }} {{ 'Hé' | slugify: 'ascii' }} {{ 'é' | base64_encode | base64_decode }}",
            "hé-w h é",
        ),
        (
            "{{ items | where: 'ok' | size }}{{ items | where: 'sku', 'B2' | json }}",
            '1[{"sku":"B2","ok":false}]',
        ),
        (
            "{{ list | sum }} {{ list | push: 1 | unshift: 2 | join: ',' }} {{ list | pop | first }}",
            "30 2,10,20,1 10",
        ),
        (
            "{{ nil | default: 'x' }}{{ no | default: 'y' }}{{ no | default: 'z', allow_false: true }}",
            "xyfalse",
        ),
        ("{{ missing | json }}{{ nil | json }}{{ 'é\"' | json }}", 'null"é\\""'),
        ("{{ date | date: '%Y-%m-%dT%H:%M:%S.%L %z %:z' }}", "2024-03-04T03:06:07.089 +0000 +00:00"),
        (
            "{{ date | date: '%-d/%e/%j %a %^b %B %y %I%p %l%P %s %q' }}",
            "4/ 4/064 Mon MAR March 24 03AM  3am 1709521567 th",
        ),
        (
            "{{ 1709521567 | date: '%F' }} {{ '86400' | date: '%d' }} {{ 'soon' | date }}{{ nil | date }}",
            "%F 02 soon",
        ),
        (
            "{{ date | date_to_string }} {{ date | date_to_long_string: 'ordinal', 'US' }}",
            "04 Mar 2024 March 4th, 2024",
        ),
        (
            "{{ 'March 5, 2024' | date_to_xmlschema }} {{ date | date_to_rfc822 }}",
            "2024-03-05T00:00:00+00:00 Mon, 04 Mar 2024 03:06:07 +0000",
        ),
        ("{{ shop | no_such_filter: 1, x: 2 | upcase }}", "NORD"),
        ("a\r\nb", "a\r\nb"),
        (
            "{{ n > 5 and shop == 'Nord' }} {{ shop | upcase | }} {{ n == 8 | append: '!' }}",
            "true NORD false!",
        ),
    ],
)
def test_a_template_prints_as_the_original_does(source: str, output: str) -> None:
    """Lookup, truth, comparison, numbers and every family of filters."""
    assert mapping.resolve({"out": {"@liquid": source}}, PAYLOAD) == {"out": output}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ shop", "does not parse"),
        ("{% if shop %}", "does not parse"),
        ("{% nope %}", "unexpected tag 'nope'"),
        ("{% for i in list %}{% endfor %}", 'tag "for" is disabled'),
        ("{% case n %}{% when 7 %}{% endcase %}", 'tag "case" is disabled'),
        ("{% include 'x' %}", 'tag "include" is disabled'),
        ("x" * 1001, "at most 1,000 characters"),
        ("🎉" * 501, "has 1,002"),
    ],
)
def test_a_template_that_cannot_work_is_refused_when_checked(source: str, words: str) -> None:
    """Syntax, disabled tags and length are known before any event comes."""
    with pytest.raises(InvalidMapping, match=words):
        mapping.check({"out": {"@liquid": source}})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ list | sort }}", 'filter "sort" is disabled'),
        ("{{ list | map: 'x' }}", 'filter "map" is disabled'),
        ("{{ 'now' | date: '%Y' }}", "needs a clock"),
        ("{{ list | sample }}", "by chance"),
        ("{{ shop | append }}", 'filter "append" cannot take these arguments'),
        ("{{ '%zz' | url_decode }}", "percent"),
    ],
)
def test_a_template_that_fails_says_why(source: str, words: str) -> None:
    """Failures while rendering name the cause."""
    with pytest.raises(InvalidMapping, match=words):
        mapping.resolve({"out": {"@liquid": source}}, PAYLOAD)


PIECES = st.lists(
    st.sampled_from(
        [
            "{{",
            "}}",
            "{%",
            "%}",
            "a",
            "b.nil",
            "items[0]",
            "|",
            "upcase",
            "plus: 1",
            "if",
            "endif",
            "else",
            "assign x =",
            "'x'",
            "5",
            "==",
            "contains",
            "(1..3)",
            "json",
            "where: 'a', 'b'",
            "date: '%Y'",
            "-",
            "not",
            ",",
        ]
    ),
    max_size=14,
).map(" ".join)


@given(st.one_of(st.text(max_size=40), PIECES, PIECES.map(lambda text: "{{ a | " + text + " }}")), EVENTS)
def test_any_template_renders_text_or_is_invalid(source: str, event: Any) -> None:
    """Nothing but InvalidMapping comes out."""
    try:
        output = mapping.resolve({"out": {"@liquid": source}}, event)
    except InvalidMapping:
        return
    assert isinstance(output["out"], str)
