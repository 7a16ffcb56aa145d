"""The lines a web page needs to load analytics.js from us.

    snippet("wk_1", "https://events.example.com")   text for the page's head

Calls made before the script is there wait in a list it works off. `_cdn` is set before anything loads: the
script takes its parts from there, and would ask Segment's CDN for them where a page comes by plain http. A
nonce on the element passes to the script, so that a Content Security Policy needs no more than one.

Source  @segment/analytics-next 1.84.3: `lib/parse-cdn`, `core/buffer` (the list, and the page a waiting call
        was made on), `browser/standalone`; observed 2026-11
"""

import json
from typing import Final

METHODS: Final = (
    *("track", "identify", "page", "screen", "group", "alias"),
    *("reset", "ready", "on", "once", "off", "debug", "register", "setAnonymousId"),
    *("trackClick", "trackForm", "trackLink", "trackSubmit", "pageview"),
    *("addSourceMiddleware", "addDestinationMiddleware", "addIntegrationMiddleware"),
)
"""What can be called before the script is there."""

CALLS: Final = 6
"""How many of them are events; those remember the page they were made on."""

_TEMPLATE: Final = """\
<script>
(function () {
  var a = window.analytics = window.analytics || [];
  if (a.initialize || a.invoked) return;
  a.invoked = true;
  a._writeKey = KEY;
  a._cdn = CDN;
  var methods = METHODS;
  methods.forEach(function (name, index) {
    a[name] = function () {
      if (window.analytics.initialized) return window.analytics[name].apply(window.analytics, arguments);
      var call = [name].concat([].slice.call(arguments)), l = location, d = document;
      if (index < CALLS) {
        var link = d.querySelector("link[rel='canonical']");
        call.push({ __t: "bpc", c: link && link.getAttribute("href") || undefined, p: l.pathname,
          u: l.href, s: l.search, t: d.title, r: d.referrer });
      }
      a.push(call);
      return a;
    };
  });
  var own = document.currentScript;
  a.load = function (key, options) {
    var script = document.createElement("script");
    a._loadOptions = options;
    script.async = true;
    if (own && own.nonce) script.nonce = own.nonce;
    script.setAttribute("data-global-segment-analytics-key", "analytics");
    script.src = a._cdn + "/analytics.js/v1/" + encodeURIComponent(key) + "/analytics.min.js";
    document.head.appendChild(script);
  };
  a.load(KEY);
  a.page();
})();
</script>
"""


def snippet(write_key: str, origin: str) -> str:
    """The element to put into a page's head, first among its scripts.

    origin  where the page reaches us: scheme, host, port
    """
    return (
        _TEMPLATE.replace("METHODS", _literal(list(METHODS)))
        .replace("KEY", _literal(write_key))
        .replace("CDN", _literal(origin.rstrip("/")))
        .replace("CALLS", str(CALLS))
    )


def _literal(value: object) -> str:
    """A JavaScript literal that cannot end the script element around it."""
    return json.dumps(value).replace("<", "\\u003c")
