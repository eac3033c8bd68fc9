"""Every known attack is met by a test, does not apply, or is openly still open."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
IDS = Path(__file__).parent / "attack_ids.txt"
PAGE = ROOT / "docs" / "security" / "not-applicable.md"
OPEN_AT_MOST = 0
"""How many entries may be open: this number only goes down."""

_ID = re.compile(r"\b(?:OA|MT|SC)-\d{2}\b")


def listed() -> set[str]:
    """The ids of all attacks."""
    return {line.split(" ")[0] for line in IDS.read_text().splitlines()}


def _first_lines() -> Iterator[str]:
    """The first line of every test's docstring."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield (ast.get_docstring(node) or "").partition("\n")[0]


def named_by_tests() -> set[str]:
    """The ids that tests name."""
    return {found for line in _first_lines() for found in _ID.findall(line)}


def _rows(heading: str) -> dict[str, str]:
    """Id to reason, of one section of the page."""
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| ((?:OA|MT|SC)-\d{2}) \| (.+) \|$", section, re.MULTILINE))


def test_every_attack_has_one_place() -> None:
    """house.md 28: each id is named by a test, or stands on the page as not applicable or as open, and nowhere else."""
    not_applicable, still_open = _rows("Not applicable"), _rows("Open")
    covered = named_by_tests()
    both = sorted((covered & set(still_open)) | (set(not_applicable) & set(still_open)))
    assert not both, f"a test names {both}: take them off the page's list of open ones, and lower OPEN_AT_MOST"
    missing = sorted(listed() - covered - set(not_applicable) - set(still_open))
    assert not missing, (
        f"{missing}: write a test whose first line names the id, or a line with the reason in {PAGE.name}"
    )
    unknown = sorted((covered | set(not_applicable) | set(still_open)) - listed())
    assert not unknown, f"{unknown} stand in no list: correct the id, or add it to {IDS.name}"


def test_what_is_open_only_shrinks() -> None:
    """house.md 28: no entry becomes open again, and each says what is missing."""
    still_open = _rows("Open")
    assert len(still_open) <= OPEN_AT_MOST
    assert all(len(reason) > 10 for reason in [*still_open.values(), *_rows("Not applicable").values()])
