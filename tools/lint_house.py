"""House rules that no linter knows (``house.md``): ``python -m tools.lint_house [folder]``.

Errors: SQL as text outside the store; rights tables read outside their authors; database clocks and server
defaults; imports inside functions; imports under TYPE_CHECKING across rooms. Files over 400 lines and functions
over 40 are marked, not refused.
"""

import ast
import re
import sys
from pathlib import Path

SQL = re.compile(r"^\s*(SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s", re.IGNORECASE)
RIGHTS = frozenset({"membership", "assignment", "direct_role", "share", "app_grant", "grant_target", "token"})
RIGHTS_AUTHORS = frozenset(
    {
        "facts.py",
        "visible.py",
        "rights.py",
        "grants.py",
        "apply.py",
        "coverage.py",
        "migrations.py",
        "overview.py",
        "schema.py",
    }
)
FILE_MARK, FUNCTION_MARK = 400, 40


def check_file(path: Path, package: Path) -> tuple[list[str], list[str]]:
    """Errors and marks of one file."""
    text = path.read_text()
    tree = ast.parse(text)
    parts = path.relative_to(package).parts
    room = parts[0] if len(parts) > 1 else ""
    errors: list[str] = []
    marks: list[str] = []
    if text.count("\n") > FILE_MARK:
        marks.append(f"{path}: {text.count(chr(10))} lines (mark: {FILE_MARK})")
    for node in ast.walk(tree):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno
            if length > FUNCTION_MARK:
                marks.append(f"{where}: {node.name} has {length} lines (mark: {FUNCTION_MARK})")
            errors += [
                f"{path}:{inner.lineno}: import inside a function: imports stand at the top"
                for inner in ast.walk(node)
                if isinstance(inner, (ast.Import, ast.ImportFrom))
            ]
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and room != "store" and SQL.match(node.value)
        ):
            errors.append(f"{where}: SQL outside the store: write a query function there (house.md 16)")
        elif isinstance(node, ast.keyword) and node.arg in ("server_default", "server_onupdate"):
            errors.append(
                f"{where}: a server default reads the database's clock or hides a value: bind it (house.md §3)"
            )
        elif isinstance(node, ast.Attribute) and node.attr in ("current_timestamp", "current_date"):
            errors.append(f"{where}: the database's clock: bind now (house.md §3)")
        elif isinstance(node, ast.ImportFrom) and node.module in ("schema", "workbadge.store.schema"):
            errors += _rights(node, where, room, path)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            errors.append(f"{where}: an import under TYPE_CHECKING: the type lives too high (house.md §1)")
    return errors, marks


def _rights(node: ast.ImportFrom, where: str, room: str, path: Path) -> list[str]:
    """A rights table imported by a file that is not one of its authors."""
    taken = sorted({name.name for name in node.names} & RIGHTS)
    if room == "store" and path.name not in RIGHTS_AUTHORS and taken:
        return [f"{where}: {', '.join(taken)} is read here: a right-bearing query has one author (house.md 17)"]
    return []


def main() -> int:
    """All files of the package."""
    package = Path(sys.argv[1] if len(sys.argv) > 1 else "src/workbadge")
    errors: list[str] = []
    marks: list[str] = []
    for path in sorted(package.rglob("*.py")):
        if "versions" in path.parts:
            continue
        found, marked = check_file(path, package)
        errors += found
        marks += marked
    for line in marks:
        print(f"mark: {line}")
    for line in errors:
        print(f"error: {line}")
    print(f"{len(errors)} errors, {len(marks)} marks")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
