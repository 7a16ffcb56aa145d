"""First workspace files for pages and apps: Braze in device mode, beside it what its settings mean.

device_starter("react-native", ["wk_1", "wk_2"])   a source and a destination per operating system
"""

from collections.abc import Mapping, Sequence
from typing import Final

SOURCES: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "web": (("website", "web"),),
    "android": (("app", "android"),),
    "ios": (("app", "ios"),),
    "react-native": (("app-android", "react-native-android"), ("app-ios", "react-native-ios")),
}
"""What an application is -> its sources: (id, platform)."""

_HEAD: Final = """\
# What Segue receives and where it sends it. Check it with `segue validate`, start it with `segue run`.
# Every option and its meaning: docs/reference/workspace.md; device mode: docs/guides/device-mode.md
#
# ${NAME} stands for a variable of the environment, or of the file .env beside this one;
# ${NAME:-default} has a default.

name: default

# ingest:
#   public_url: https://events.example.com # where pages and apps reach Segue

sources:
"""
_SOURCE: Final = """\
  {id}:
    platform: {platform}
    write_key: {key} # what you put into the Segment SDK; public, it can only append events
"""
_DESTINATION: Final = """\
  braze-{id}:
    type: braze
    framework: actions # or classic, in maintenance
    mode: device # Braze's own SDK delivers, on the device; cloud: Segue does
    source: {id}
    settings:
      # The SDK endpoint of your Braze instance, without https://, such as sdk.fra-01.braze.eu.
      # Until you name it, {who} talks to the sandbox: a Braze of ours, on this machine.
      {endpoint}: ${{BRAZE_SDK_ENDPOINT:-sandbox}}
      # The app's identifier in Braze, Settings, App Settings. Everybody can read it: never a REST key.
      {app}: ${{BRAZE_{name}_APP_ID:-sandbox-app}}
"""


def device_starter(kind: str, keys: Sequence[str], *, schema: str = "") -> str:
    """The commented file for one kind of application, a key of `SOURCES`.

    keys    a write key for each of its sources
    schema  where the file's JSON Schema is, for editors; "" for nowhere
    """
    text = f"# yaml-language-server: $schema={schema}\n{_HEAD}" if schema else _HEAD
    for (id_, platform), key in zip(SOURCES[kind], keys, strict=True):
        text += _SOURCE.format(id=id_, platform=platform, key=key)
    text += "\ndestinations:\n"
    for id_, platform in SOURCES[kind]:
        is_web = platform == "web"
        text += _DESTINATION.format(
            id=id_,
            who="the page" if is_web else "the app",
            endpoint="endpoint" if is_web else "customEndpoint",
            app="api_key" if is_web else "apiKey",
            name=platform.rpartition("-")[2].upper(),
        )
    return text
