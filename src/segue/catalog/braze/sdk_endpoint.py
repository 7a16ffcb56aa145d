"""Addresses of a Braze instance: the one SDKs talk to and the one for REST, told apart.

    read_sdk_endpoint("https://sdk.fra-01.braze.eu/", …)   ("sdk.fra-01.braze.eu", [one warning])

An SDK puts ``https://`` before its endpoint by itself; with a scheme in the setting mobile SDKs start with
``https://https://…`` and Braze never hears of the app. So the scheme is taken off, and said.

Source  Braze docs, "Segment", "Ensure your custom API endpoint is correctly input", and "API overview",
        endpoints; read 2026-11-23
"""

import re
from typing import Any, Final

from segue.kit.device import Advice
from segue.kit.field import Choice

CLUSTERS: Final = {
    **{f"US-{number:02}": f"iad-{number:02}.braze.com" for number in range(1, 9)},
    "US-09": "us-09.braze.com",
    "US-10": "us-10.braze.com",
    "EU-01": "fra-01.braze.eu",
    "EU-02": "fra-02.braze.eu",
    "AU-01": "au-01.braze.com",
    "ID-01": "id-01.braze.com",
    "JP-01": "jp-01.braze.com",
}
"""Instance -> its part of every address: ``sdk.`` or ``rest.`` goes before it."""

SDK_ENDPOINTS: Final = tuple(Choice(f"sdk.{host}", name) for name, host in CLUSTERS.items())
SDK_DEFAULT: Final = "sdk.iad-01.braze.com"

_HOST: Final = re.compile(r"(?=.{1,253}(?::|$))[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?")
_LOOPBACK: Final = re.compile(r"(127(?:\.\d{1,3}){3}|localhost)(?::\d{1,5})?")
_REST: Final = re.compile(r"rest\.(.+)")
_DASHBOARD: Final = re.compile(r"dashboard(?:-(\d\d))?\.(.+)")


def read_sdk_endpoint(text: str, setting: str, *, keep_http: bool) -> tuple[str, list[Advice]]:
    """Give an SDK endpoint as SDKs take it, and what there is to say about how it was written.

    keep_http  leave ``http://`` before an address of this machine, which the Web SDK understands
    """
    scheme, _, rest = text.strip().rpartition("://")
    host, slash, path = rest.partition("/")
    problem, remedy = _confusion(host)
    if problem:
        return text, [Advice(setting, problem, remedy)]
    if not _HOST.fullmatch(host):
        problem = f'"{text[:80]}" is no host name'
        return text, [
            Advice(setting, problem, f"Write the SDK endpoint of your instance, such as {SDK_DEFAULT}.")
        ]
    is_local = bool(_LOOPBACK.fullmatch(host))
    if scheme.lower() == "http" and not is_local:
        problem = f'"{text[:80]}" would send everything readable for anybody on the way'
        return text, [Advice(setting, problem, f"Write {host}: SDKs talk https to it.")]
    if scheme and scheme.lower() not in ("http", "https"):
        return text, [Advice(setting, f'"{scheme[:20]}" is no scheme an SDK speaks', f"Write {host}.")]
    advice = []
    if scheme.lower() == "https":
        problem = "an SDK puts https:// before it by itself and would start with https://https://…"
        advice.append(Advice(setting, problem, f"It is read as {host}; write it so.", warning=True))
    if slash and path.strip("/"):
        problem = f'the path "/{path[:40]}" is left out: SDKs add their own'
        advice.append(Advice(setting, problem, f"Write {host}.", warning=True))
    return (f"http://{host}" if scheme.lower() == "http" and keep_http else host), advice


def check_rest_endpoint(text: str, setting: str, written: Any) -> list[Advice]:
    """Tell when a REST endpoint is the SDK's, and when it was written without its scheme.

    text     as it is used; written: as it stands in the workspace
    """
    host = text.strip().rpartition("://")[2].partition("/")[0].lower()
    if host.startswith("sdk.") and ".braze." in host:
        problem = f"{host} is the endpoint for SDKs; the REST API does not answer there"
        return [Advice(setting, problem, f"Write https://rest.{host.removeprefix('sdk.')}.")]
    if text and isinstance(written, str) and "://" not in written:
        problem = "an address starts with its scheme, https://"
        return [Advice(setting, problem, f"It is read as {text}; write it so.", warning=True)]
    return []


def _confusion(host: str) -> tuple[str, str]:
    """Why this is another address of Braze than the SDK's, and which is meant; "" when it is not."""
    lower = host.lower()
    if name := next((name for name in CLUSTERS if name.lower() == lower), ""):
        return f"{name} names the instance, not its SDK endpoint", f"Write sdk.{CLUSTERS[name]}."
    if found := _REST.fullmatch(lower):
        problem = f"{lower} is the REST endpoint; SDKs cannot talk to it"
        return problem, f"Write the SDK endpoint, which is sdk.{found[1]}."
    if found := _DASHBOARD.fullmatch(lower):
        number, domain = found[1], found[2]
        name = f"{'EU' if domain == 'braze.eu' else 'US'}-{number}"
        meant = f"sdk.{CLUSTERS[name]}" if name in CLUSTERS else f"sdk.{domain}"
        return f"{lower} is the dashboard's address", f"Write the SDK endpoint, which is {meant}."
    return "", ""
