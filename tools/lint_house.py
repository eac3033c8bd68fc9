"""House rules that no other tool knows: ``python -m tools.lint_house [file ...]``, without files: all of both distributions.

Refused, each with its reason: SQL as text and database drivers outside the store; rights tables touched by a file that
is not named for it; the database's clock and server defaults; imports inside functions; imports under TYPE_CHECKING
that cross rooms; a lint exemption that opens a ban which ``pyproject.toml`` does not open.
Marked, not refused: files over 400 lines, functions over 40 (``house.md`` §1: stop and think).
Limits: it reads the source text, so SQL that is put together out of single words passes unseen.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

FILE_MARK, FUNCTION_MARK = 400, 40

RIGHTS = frozenset({"membership", "assignment", "direct_role", "share", "app_grant", "grant_target", "token"})
DECIDING = "facts.py, visible.py"
# Who may touch rights tables, and for what. Only the first two answer whether somebody may do something (house.md 17).
RIGHTS_AUTHORS = {
    "facts.py": "the one loader of Facts",
    "visible.py": "the one set query; a test demands that it agrees with the decision",
    "schema.py": "defines the tables",
    "apply.py": "writes the changes that a plan named",
    "rights.py": "reads the states that plans work on; plain inserts",
    "grants.py": "reads and writes grants and tokens by id or hash",
    "migrations.py": "reads who is in a migration",
    "coverage.py": "counts what apps reached and reach again, for people who were allowed to look",
    "overview.py": "shows a business to people who were allowed to look",
    "inspections.py": "tells about one token to whoever presented it or its app",
    "ended.py": "asks whether a token is still good only to keep the code that it descends from",
    "losses.py": "finds when something that a token selected may end; whether it has is decided",
    "asset_groups.py": "lists groups that hold what somebody is assigned, to callers who were allowed to look",
    "app_links.py": "lists which apps, system users and businesses belong together, to callers who were allowed to look",
    "partners.py": "lists to whom assets are lent, to callers who were allowed to look",
    "seats.py": "lists who has a place or tasks, as apps see it, to callers who were allowed to look",
    "members.py": "lists the people of a business to people who were allowed to look",
}
DRIVERS = frozenset({"sqlalchemy", "alembic", "asyncpg", "pysqlite3", "sqlite3"})

SQL = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s*\("
    r"|select\s.*\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s)",
    re.DOTALL,
)
CLOCK_SQL = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp)\s*\(\s*\)"
    r"|\b(current_timestamp|current_date|current_time|localtimestamp)\b"
    r"|\b(datetime|date|time|julianday|unixepoch|strftime)\s*\([^)]*'now'",
    re.IGNORECASE,
)
CLOCK_READER = "skew.py"
"""The one file of the store that reads the database's clock: to compare a node's with it (decision record 23)."""
CLOCK_NAMES = frozenset(
    {"current_timestamp", "current_date", "current_time", "localtimestamp", "clock_timestamp", "statement_timestamp"}
)
EXEMPTION = re.compile(r"#\s*(?:ruff:\s*)?noqa(?!:)|#.*noqa:.*TID25|#\s*mypy:\s*ignore-errors", re.IGNORECASE)


@dataclass
class File:
    """One source file and what was found in it. ``room`` is empty for files that lie in no room."""

    path: Path
    package: str
    room: str
    step: bool
    text: str
    nodes: list[ast.AST]
    errors: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    def refuse(self, line: int, why: str) -> None:
        """Note an error."""
        self.errors.append(f"{self.path}:{line}: {why}")


def _texts(nodes: list[ast.AST]) -> Iterator[ast.Constant]:
    """All strings but docstrings and other strings that nobody uses."""
    idle = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in idle:
            yield node


def _imports(nodes: Iterable[ast.AST], package: str, room: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Every import as (line, absolute module, names); ``import a.b`` has no names."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name, ()) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 1:
                module = ".".join(part for part in (package, room, module) if part)
            elif node.level > 1:
                module = ".".join(part for part in (package, module) if part)
            yield node.lineno, module, tuple(name.name for name in node.names)


def check_rows(file: File) -> None:
    """SQL has one room, and a right-bearing query one author (house.md 16, 17)."""
    if file.package != "workbadge":
        return
    for line, module, names in _imports(file.nodes, file.package, file.room):
        schema = module.endswith("store.schema") or (module.endswith(".store") and "schema" in names)
        if file.room != "store":
            if module.split(".")[0] in DRIVERS:
                file.refuse(line, f"{module} outside the store: write a query function there (house.md 16)")
            if schema:
                file.refuse(line, "tables outside the store: write a query function there (house.md 16)")
            continue
        taken = sorted(RIGHTS & set(names)) if module.endswith("store.schema") else []
        whole = schema and (not names or names == ("*",) or module.endswith(".store"))
        if file.path.name not in RIGHTS_AUTHORS and not file.step and (taken or whole):
            file.refuse(
                line,
                f"{', '.join(taken) or 'all tables'} here: a right-bearing query has one author (house.md 17). "
                f"Whether somebody may is answered in {DECIDING} only; who else touches these rows, and for what, "
                "is listed in tools/lint_house.py",
            )
    if file.room != "store":
        for text in _texts(file.nodes):
            if SQL.match(str(text.value)):
                file.refuse(text.lineno, "SQL outside the store: write a query function there (house.md 16)")


def check_time(file: File) -> None:
    """``now`` is bound: neither the database's clock nor a default that the database fills in (house.md §3)."""
    for text in () if file.room == "store" and file.path.name == CLOCK_READER else _texts(file.nodes):
        if CLOCK_SQL.search(str(text.value)) and (file.room == "store" or SQL.match(str(text.value))):
            file.refuse(text.lineno, "the database's clock: bind now (house.md §3)")
    for node in file.nodes:
        if isinstance(node, ast.Attribute):
            on_func = isinstance(node.value, ast.Name) and node.value.id == "func"
            if on_func and (node.attr in CLOCK_NAMES or node.attr == "now"):
                file.refuse(node.lineno, "the database's clock: bind now (house.md §3)")
        elif isinstance(node, ast.keyword) and node.arg in ("server_default", "server_onupdate") and not file.step:
            file.refuse(node.value.lineno, "a server default hides a value or reads a clock: bind it (house.md §3)")


def check_imports(file: File) -> None:
    """Imports stand at the top, and types do not live above their users (house.md §1)."""
    for node in file.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for inner in ast.walk(node):
                if isinstance(inner, (ast.Import, ast.ImportFrom)):
                    file.refuse(inner.lineno, "import inside a function: imports stand at the top (house.md §1)")
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            own = f"{file.package}.{file.room}" if file.room else file.package
            for line, module, _ in _imports(ast.walk(node), file.package, file.room):
                if module.split(".")[0] == file.package and not f"{module}.".startswith(f"{own}."):
                    file.refuse(line, f"{module} under TYPE_CHECKING: the type lives too high (house.md §1)")


def check_exemptions(file: File) -> None:
    """A ban is opened in ``pyproject.toml``, where reviewers see it, never in a comment."""
    for number, line in enumerate(file.text.splitlines(), 1):
        if EXEMPTION.search(line):
            file.refuse(number, "an exemption that opens bans: name the single rule, or open it in pyproject.toml")


def check_size(file: File) -> None:
    """Marks at which to stop and think."""
    lines = file.text.count("\n")
    if lines > FILE_MARK:
        file.marks.append(f"{file.path}: {lines} lines (mark: {FILE_MARK})")
    for node in file.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_MARK:
                file.marks.append(f"{file.path}:{node.lineno}: {node.name} has {length} lines (mark: {FUNCTION_MARK})")


CHECKS = (check_rows, check_time, check_imports, check_exemptions)


def read(path: Path, source: Path) -> File:
    """A file with its place in the house."""
    parts = path.relative_to(source).parts
    text = path.read_text(encoding="utf-8")
    step = "versions" in parts
    return File(
        path, parts[0], parts[1] if len(parts) > 2 else "", step, text, list(ast.walk(ast.parse(text, str(path))))
    )


def main() -> int:
    """Check the files; 1 if anything is refused."""
    sources = [Path("src"), Path("kit/src")]
    named = [Path(name) for name in sys.argv[1:]]
    files = [
        read(path, source) for source in sources for path in sorted(source.rglob("*.py")) if not named or path in named
    ]
    for file in files:
        for check in CHECKS:
            check(file)
        if not file.step:
            check_size(file)
    for file in files:
        for line in file.marks:
            print(f"mark: {line}")
    errors = [line for file in files for line in dict.fromkeys(file.errors)]
    for line in errors:
        print(f"error: {line}")
    print(f"{len(errors)} errors, {sum(len(file.marks) for file in files)} marks in {len(files)} files")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
