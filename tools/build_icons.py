"""Rebuild the icon sprite of the pages from an unpacked copy of the npm package `@tabler/icons`.

    npm pack @tabler/icons && tar xzf tabler-icons-*.tgz     # outside the repository
    python tools/build_icons.py path/to/package

Reads the names in `tools/icons.txt` (one a line, `name` or `filled/name`) and writes
`src/workbadge/web/static/icons.svg`. Then set its version and sha256 in `static/vendor/MANIFEST.toml`, which
`tests/web/test_vendor.py` checks. Nothing is downloaded.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPRITE = ROOT / "src/workbadge/web/static/icons.svg"
_INNER = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
_OUTLINE = 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
_FILLED = 'fill="currentColor"'


def symbol(package: Path, name: str) -> str:
    """One `<symbol>`; `name` is as in icons.txt. Raises FileNotFoundError for an icon the package lacks."""
    filled = name.startswith("filled/")
    bare = name.removeprefix("filled/")
    text = (package / "icons" / ("filled" if filled else "outline") / f"{bare}.svg").read_text()
    match = _INNER.search(text)
    if match is None:
        raise ValueError(f"{name}: not an SVG")
    paths = re.sub(r'<path stroke="none" d="M0 0h24v24H0z"[^>]*/>', "", match[1])
    paths = re.sub(r"\s+", " ", paths).strip()
    label = f"{bare}-filled" if filled else bare
    return f'<symbol id="{label}" viewBox="0 0 24 24" {_FILLED if filled else _OUTLINE}>{paths}</symbol>'


def main(package: Path) -> None:
    """Write the sprite, sorted by name, one symbol a line."""
    names = sorted(set((ROOT / "tools/icons.txt").read_text().split()))
    version = json.loads((package / "package.json").read_text())["version"]
    head = f"<!-- Tabler Icons {version}, MIT licence, chosen by tools/icons.txt -->"
    body = "\n".join(symbol(package, name) for name in names)
    SPRITE.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{head}\n{body}\n</svg>\n')
    print(f"{len(names)} icons, {SPRITE.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
