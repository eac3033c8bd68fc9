"""Vendored files are what their manifest says they are."""

import hashlib
import tomllib
from pathlib import Path

from workbadge.web.pages import icon_names

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "src/workbadge/web/static/vendor"
NOT_VENDORED = {"MANIFEST.toml", "README.txt"}


def _entries() -> list[dict[str, str]]:
    return list(tomllib.loads((VENDOR / "MANIFEST.toml").read_text())["file"])


def test_every_vendored_file_has_the_recorded_checksum() -> None:
    """Every vendored file has the recorded checksum, a version and a licence text beside it."""
    for entry in _entries():
        content = (VENDOR / entry["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["path"]
        assert entry["version"] and entry["licence"]
        assert (VENDOR / entry["licence_file"]).is_file()


def test_no_file_is_missing_from_the_manifest() -> None:
    """No file lies in the folder that the manifest does not explain."""
    known = {one["path"] for one in _entries()} | {one["licence_file"] for one in _entries()}
    assert {path.name for path in VENDOR.iterdir()} - NOT_VENDORED <= known


def test_the_sprite_holds_exactly_the_listed_icons() -> None:
    """The sprite holds exactly the icons that tools/icons.txt lists."""
    listed = (ROOT / "tools/icons.txt").read_text().split()
    expected = {f"{one.removeprefix('filled/')}-filled" if "/" in one else one for one in listed}
    assert icon_names() == expected


def test_axe_is_the_recorded_one() -> None:
    """The copy of axe-core that looks at our pages is the recorded one."""
    folder = ROOT / "tests/vendor"
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        expected, name = line.split()
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected
