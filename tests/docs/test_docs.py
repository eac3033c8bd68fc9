"""Documents tell the truth about the code (house.md 24)."""

import re
from pathlib import Path

import msgspec

from tests.browser.pictures import SHOTS
from tools.write_reference import PAGE, reference
from workbadge.config import Config

ROOT = Path(__file__).parent.parent.parent


def test_every_setting_is_documented() -> None:
    """house.md 24: docs/settings.md has exactly the settings that exist, with their defaults' names."""
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert documented == {field.name for field in msgspec.structs.fields(Config)}


def test_the_reference_is_up_to_date() -> None:
    """house.md 24: every scope, reason, node, edge and address stands in docs/reference.md."""
    assert PAGE.read_text() == reference(), "run python -m tools.write_reference"


def test_every_control_call_is_documented() -> None:
    """house.md 24: docs/guides/sandbox.md names every call of the control API."""
    guide = (ROOT / "docs" / "guides" / "sandbox.md").read_text()
    calls = re.findall(r'\("(GET|POST)", "([^"]+)", self\.', _source())
    assert calls
    for method, path in calls:
        assert f"`{method} {path}" in guide or f"{method} {path}" in guide, f"{method} {path} is not documented"


def _source() -> str:
    rooms = ROOT / "src" / "workbadge" / "sandbox"
    return "".join((rooms / name).read_text() for name in ("control.py", "control_apps.py"))


def test_pictures_and_links_of_the_docs_exist() -> None:
    """Set-up, always true: every file that README.md, CONTRIBUTING.md and the docs point to is there."""
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target and not target.startswith("#"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pictures_are_small_and_taken_by_the_command() -> None:
    """Set-up: each picture of the docs is one that ``tests.browser.pictures`` takes, and under 150 kB."""
    found = sorted((ROOT / "docs" / "pictures").iterdir())
    assert [one.stem for one in found] == sorted(shot.__name__.replace("_", "-") for shot in SHOTS)
    assert all(one.stat().st_size < 150_000 for one in found)
