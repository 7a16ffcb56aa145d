"""Device mode at the command line: a first workspace for each platform, analytics.js, and the snippet."""

from pathlib import Path

import pytest
from tests.cli.house import segue
from tests.io.packages import package

from segue.runtime.current import read_current
from segue.runtime.settings import read_settings


@pytest.mark.parametrize(
    ("platform", "sources", "devices"),
    [
        ("web", {"website": "web"}, {"braze-website": "braze-web"}),
        ("android", {"app": "android"}, {"braze-app": "braze-mobile"}),
        ("ios", {"app": "ios"}, {"braze-app": "braze-mobile"}),
        (
            "react-native",
            {"app-android": "react-native-android", "app-ios": "react-native-ios"},
            {"braze-app-android": "braze-mobile", "braze-app-ios": "braze-mobile"},
        ),
    ],
)
def test_a_first_workspace_for_a_page_or_app_runs_without_a_warning(
    tmp_path: Path, platform: str, sources: dict[str, str], devices: dict[str, str]
) -> None:
    """At the sandbox until an instance is named; React Native has one of each per operating system."""
    done = segue("init", "--platform", platform, folder=tmp_path)
    assert done.code == 0, done.err
    current = read_current(read_settings(tmp_path, {}), tmp_path, {})
    assert {each.id: each.platform for each in current.workspace.sources} == sources
    assert {name: each.page.slug for name, each in current.plan.devices.items()} == devices
    assert current.warnings == ()
    assert len({each.write_keys for each in current.workspace.sources}) == len(sources)


def test_a_platform_there_is_none_of_is_refused(tmp_path: Path) -> None:
    """With those there are."""
    done = segue("init", "--platform", "fridge", folder=tmp_path)
    assert (done.code, "react-native" in done.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_analytics_js_is_installed_from_a_file_and_listed(tmp_path: Path) -> None:
    """The newest is the one that is served; what is no package is refused."""
    assert segue("sdk", "list", folder=tmp_path).code == 1
    for version in ("1.9.0", "1.10.0"):
        (tmp_path / "sdk.tgz").write_bytes(package(version, {}))
        assert segue("sdk", "add", "sdk.tgz", folder=tmp_path).code == 0
    assert segue("sdk", "list", folder=tmp_path).out.split()[:1] == ["1.10.0"]
    (tmp_path / "segment-analytics-next-1.84.3.tgz").write_bytes(package("1.84.3", {}))
    forged = segue("sdk", "add", "segment-analytics-next-1.84.3.tgz", folder=tmp_path)
    assert (forged.code, "not the one that was published" in " ".join(forged.err.split())) == (2, True)
    assert segue("sdk", "add", "none.tgz", folder=tmp_path).code == 2
