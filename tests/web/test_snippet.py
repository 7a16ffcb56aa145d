"""The snippet for web pages: whole, and closed against what a key or address could hold."""

from segue.web.snippet import CALLS, METHODS, snippet


def test_the_snippet_says_where_everything_comes_from() -> None:
    """`_cdn` is set before the script is asked for; nothing names Segment's CDN."""
    text = snippet("wk_1", "https://events.example.com/")
    assert 'a._writeKey = "wk_1";' in text
    assert 'a._cdn = "https://events.example.com";' in text
    assert text.index("a._cdn =") < text.index("createElement")
    assert 'a.load("wk_1");' in text
    assert "segment.com" not in text
    assert METHODS[:CALLS] == ("track", "identify", "page", "screen", "group", "alias")
    assert [word for word in ("METHODS", "KEY", "CDN", "CALLS") if word in text] == []


def test_a_value_cannot_leave_its_place() -> None:
    """A closing tag or a quote in an address stays text."""
    text = snippet("k", 'https://x"</script><script>alert(1)//')
    assert text.count("</script>") == 1
    assert text.count("<script") == 1
