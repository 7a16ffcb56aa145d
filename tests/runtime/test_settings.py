"""Process settings: the command line over the environment over .env over the defaults."""

from pathlib import Path

import pytest

from segue.model.errors import MisconfiguredError
from segue.model.workspace import Workspace
from segue.runtime.settings import Settings, override, read_environment, read_settings


def test_the_nearer_word_wins(tmp_path: Path) -> None:
    """Given values beat the environment, which beats .env, which beats the defaults."""
    (tmp_path / ".env").write_text("SEGUE_PORT=1\nSEGUE_HOST=file\nSEGUE_DATA=file\n")
    settings = read_settings(
        tmp_path, {"SEGUE_HOST": "env", "SEGUE_DATA": "env"}, data=Path("given"), port=None
    )
    assert (settings.port, settings.host, settings.data) == (1, "env", Path("given"))
    assert settings.config == Path("segue.yaml")


def test_without_any_variable_the_defaults_hold(tmp_path: Path) -> None:
    """Nothing has to be set, and other programs' variables do not matter."""
    assert read_settings(tmp_path, {"PORT": "9", "HOME": "/x", "SEGUE_CONFORMANCE_DIR": "x"}) == Settings()


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    """Compose files pass empty values for what is not set."""
    assert read_settings(tmp_path, {"SEGUE_PORT": ""}).port == 8080


def test_lists_are_written_with_commas_and_ranges(tmp_path: Path) -> None:
    """Roles by name, lanes by number and range."""
    settings = read_settings(tmp_path, {"SEGUE_ROLES": "courier, desk", "SEGUE_LANES": "6, 0-3"})
    assert (settings.roles, settings.lanes) == (("courier", "desk"), (0, 1, 2, 3, 6))


def test_every_wrong_variable_is_named_at_once(tmp_path: Path) -> None:
    """The message has each variable by its full name with what was found, and the list of those there are."""
    environ = {"SEGUE_PORT": "http", "SEGUE_PROT": "1", "SEGUE_LANES": "0-x", "SEGUE_LOG_LEVEL": "loud"}
    with pytest.raises(MisconfiguredError) as raised:
        read_settings(tmp_path, environ)
    message = str(raised.value)
    for words in ("SEGUE_PORT: ", "'http'", "SEGUE_PROT: there is no such setting", "SEGUE_LANES", "0-x"):
        assert words in message
    assert "'debug', 'info', 'warning' or 'error'" in message
    assert "SEGUE_SANDBOX_PORT" in message


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SEGUE_LANES", "9-3", ["a range from high to low", "3-9"]),
        ("SEGUE_ROLES", "foo", ["'receiver', 'courier' or 'desk'", "'foo'"]),
        ("SEGUE_ROLES", ",", ["at least 1 item"]),
    ],
)
def test_a_wrong_list_is_refused_with_one_reason(
    tmp_path: Path, variable: str, value: str, words: list[str]
) -> None:
    """A range that holds nothing must not mean all lanes, and a wrong role is not said to be missing too."""
    with pytest.raises(MisconfiguredError) as raised:
        read_settings(tmp_path, {variable: value})
    message = str(raised.value)
    assert all(word in message for word in words), message
    assert message.count(f"{variable}") == 2, message  # the fault, and the list of those there are


def test_dotenv_serves_the_workspace_file_too(tmp_path: Path) -> None:
    """Its values are taken as written; the process's own environment wins."""
    (tmp_path / ".env").write_text("# keys\nBRAZE_API_KEY='a$b#c'\nexport OTHER=${BRAZE_API_KEY}\nBARE\n")
    assert read_environment(tmp_path, {"OTHER": "mine"}) == {"BRAZE_API_KEY": "a$b#c", "OTHER": "mine"}
    assert read_environment(tmp_path, {})["OTHER"] == "${BRAZE_API_KEY}"
    assert read_environment(tmp_path / "nowhere", {"A": "b"}) == {"A": "b"}


def test_a_dotenv_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """The file is named rather than a decoder's error shown."""
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")
    with pytest.raises(MisconfiguredError, match=r"\.env cannot be read as UTF-8"):
        read_environment(tmp_path, {})


def test_retention_may_be_overridden_per_process(tmp_path: Path) -> None:
    """What is not overridden stays as the workspace file has it."""
    workspace = Workspace()
    assert override(workspace, read_settings(tmp_path, {})) is workspace
    changed = override(workspace, read_settings(tmp_path, {"SEGUE_RETENTION_HOURS": "24"}))
    assert changed.ingest.retention_hours == 24
    assert changed.ingest.retention_bytes == workspace.ingest.retention_bytes


def test_each_setting_says_what_it_is_for() -> None:
    """The reference page is made of these descriptions."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
