"""The contracts of the house hold, and each one fails, with its reason, on a violation planted in a copy of the tree.

The commands are those of ``make check``; a test makes sure of that.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
COMMANDS = {
    "format": (PYTHON, "-m", "ruff", "format", "--no-cache", "--check"),
    "lint": (PYTHON, "-m", "ruff", "check", "--no-cache", "--output-format=concise"),
    "types": (PYTHON, "-m", "mypy", "--no-incremental"),
    "contracts": (str(Path(PYTHON).with_name("lint-imports")), "--no-cache"),
    "house": (PYTHON, "-m", "tools.lint_house"),
}

ONE_DIRECTION = "One direction: every room imports only what lies below it"
SIBLINGS = "Siblings do not talk"
PURE = "The core is pure"
TABLES = "Tables are the store's"
NOW_IS_BOUND = "the database's clock: bind now"


def _copy(folder: Path) -> Path:
    """The checkout's sources as they are now, without what is large or made."""
    only_python = shutil.ignore_patterns("__pycache__", "static", "templates")
    for name in ("src", "kit", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=only_python)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _run(command: str, tree: Path, *more: str) -> tuple[int, str]:
    """Run one command of ``make check`` in a tree: its exit code and all it said, on one line."""
    paths = os.pathsep.join(str(tree / one) for one in ("src", "kit/src"))
    environment = {**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1", "COLUMNS": "1000"}
    done = subprocess.run(
        [*COMMANDS[command], *more], cwd=tree, env=environment, capture_output=True, text=True, timeout=200
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the tree to plant in."""
    return _copy(tmp_path)


@dataclass(frozen=True)
class Plant:
    """Lines appended to a file of the tree, the command that must refuse them, and what it must say."""

    name: str
    command: str
    file: str
    lines: str
    says: str


W = "src/workbadge/"
PLANTS = (
    # import contracts (house.md §1)
    Plant("terms_import_access", "contracts", W + "terms/ids.py", "import workbadge.access\n", ONE_DIRECTION),
    Plant("access_imports_store", "contracts", W + "access/facts.py", "import workbadge.store\n", ONE_DIRECTION),
    Plant(
        "lifecycle_imports_access", "contracts", W + "lifecycle/changes.py", "import workbadge.access\n", ONE_DIRECTION
    ),
    Plant("keys_import_store", "contracts", W + "keys/entropy.py", "import workbadge.store\n", ONE_DIRECTION),
    Plant("store_imports_commands", "contracts", W + "store/due.py", "import workbadge.commands\n", ONE_DIRECTION),
    Plant("commands_import_web", "contracts", W + "commands/due.py", "import workbadge.web\n", ONE_DIRECTION),
    Plant("web_imports_graph", "contracts", W + "web/clock.py", "import workbadge.graph\n", ONE_DIRECTION),
    Plant("graph_imports_oauth", "contracts", W + "graph/debug.py", "import workbadge.oauth\n", SIBLINGS),
    Plant("console_imports_graph", "contracts", W + "console/home.py", "import workbadge.graph\n", SIBLINGS),
    Plant("oauth_imports_console", "contracts", W + "oauth/dialog.py", "import workbadge.console\n", SIBLINGS),
    Plant("sandbox_imports_oauth", "contracts", W + "sandbox/world.py", "import workbadge.oauth\n", SIBLINGS),
    Plant("room_imports_main", "contracts", W + "graph/debug.py", "import workbadge.main\n", "main is imported by"),
    Plant(
        "regrant_imports_workbadge",
        "contracts",
        "kit/src/regrant/cli.py",
        "import workbadge.terms\n",
        "regrant never imports workbadge",
    ),
    *(
        Plant(f"{room.split('/')[0]}_imports_{module}", "contracts", W + room, f"import {module}\n", PURE)
        for room, modules in {
            "access/facts.py": ("sqlalchemy", "starlette", "httpx2", "asyncio", "os", "logging"),
            "lifecycle/changes.py": ("time", "random", "uuid", "secrets"),
            "terms/ids.py": ("socket", "os"),
        }.items()
        for module in modules
    ),
    # row access (house.md 16, 17)
    Plant("schema_in_commands", "contracts", W + "commands/due.py", "import workbadge.store.schema\n", TABLES),
    Plant("sqlalchemy_in_web", "contracts", W + "web/clock.py", "from sqlalchemy import text\n", TABLES),
    Plant(
        "schema_from_store_in_graph",
        "house",
        W + "graph/debug.py",
        "from workbadge.store import schema\n",
        "tables outside the store",
    ),
    Plant("driver_in_oauth", "house", W + "oauth/dialog.py", "import asyncpg\n", "asyncpg outside the store"),
    Plant(
        "raw_select_in_graph",
        "house",
        W + "graph/debug.py",
        'QUERY = f"SELECT id FROM {W}"\n',
        "SQL outside the store",
    ),
    Plant(
        "raw_update_in_commands",
        "house",
        W + "commands/due.py",
        'QUERY = "update token set revoked_at = 1"\n',
        "SQL outside the store",
    ),
    *(
        Plant(
            f"{table}_in_another_file_of_the_store",
            "house",
            W + "store/audit.py",
            f"from .schema import {table}\n",
            "a right-bearing query has one author",
        )
        for table in ("membership", "assignment", "direct_role", "share", "app_grant", "grant_target", "token")
    ),
    Plant(
        "all_tables_in_another_file_of_the_store",
        "house",
        W + "store/audit.py",
        "from workbadge.store import schema\n",
        "a right-bearing query has one author",
    ),
    # time and randomness (house.md §3)
    *(
        Plant(name, "lint", W + "commands/due.py", lines, f"TID251 {banned} is banned: {why}")
        for name, lines, banned, why in (
            ("datetime_now", "import datetime\n\nX = datetime.datetime.now()\n", "`datetime.datetime.now`", "now is a"),
            ("now_from", "from datetime import datetime as d\n\nX = d.now()\n", "`datetime.datetime.now`", "now is a"),
            ("utcnow", "import datetime\n\nX = datetime.datetime.utcnow()\n", "`datetime.datetime.utcnow`", "now is a"),
            ("today", "import datetime\n\nX = datetime.date.today()\n", "`datetime.date.today`", "now is a"),
            ("time_time", "import time\n\nX = time.time()\n", "`time.time`", "now is a parameter"),
            ("monotonic", "from time import monotonic\n\nX = monotonic()\n", "`time.monotonic`", "now is a"),
            ("random", "import random\n\nX = random.random()\n", "`random`", "randomness comes from keys.Entropy"),
            ("secrets", "from secrets import token_hex\n\nX = token_hex()\n", "`secrets`", "randomness comes from"),
            ("uuid4", "import uuid\n\nX = uuid.uuid4()\n", "`uuid`", "ids come from keys.Entropy"),
            ("urandom", "import os\n\nX = os.urandom(8)\n", "`os.urandom`", "randomness comes from keys.Entropy"),
        )
    ),
    Plant(
        "clock_in_keys",
        "lint",
        W + "keys/tokens.py",
        "import datetime\n\nX = datetime.datetime.now()\n",
        "DTZ005",
    ),
    Plant(
        "func_now",
        "lint",
        W + "store/due.py",
        "import sqlalchemy\n\nX = sqlalchemy.func.now()\n",
        "`sqlalchemy.func.now` is banned: now is bound",
    ),
    Plant("func_clock", "house", W + "store/due.py", "X = func.current_timestamp()\n", NOW_IS_BOUND),
    Plant("now_in_sql", "house", W + "store/due.py", 'X = "DELETE FROM due WHERE at < NOW()"\n', NOW_IS_BOUND),
    Plant("sqlite_now", "house", W + "store/due.py", "X = \"SELECT datetime('now')\"\n", NOW_IS_BOUND),
    Plant(
        "clock_in_a_schema_step",
        "house",
        W + "store/steps/versions/0001_first_schema.py",
        'X = sa.text("CURRENT_TIMESTAMP")\n',
        NOW_IS_BOUND,
    ),
    Plant("server_default", "house", W + "store/schema.py", 'X = Column(server_default="0")\n', "a server default"),
    # going around
    Plant(
        "exemption_in_a_comment",
        "house",
        W + "commands/due.py",
        "import random  # noqa: TID251\n",
        "an exemption that opens bans",
    ),
    Plant("bare_noqa", "house", W + "commands/due.py", "import random  # noqa\n", "an exemption that opens bans"),
    Plant(
        "import_in_a_function",
        "house",
        W + "commands/due.py",
        "def late() -> None:\n    import json\n",
        "import inside a function",
    ),
    Plant(
        "type_checking_across_rooms",
        "house",
        W + "access/facts.py",
        "if TYPE_CHECKING:\n    from workbadge.store.engine import Tx\n",
        "the type lives too high",
    ),
    # format
    Plant("format", "format", W + "commands/due.py", "X = {'a':1}\n", "would be reformatted"),
)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_violation_is_refused_with_its_reason(plant: Plant, tree: Path) -> None:
    """A planted violation makes ``make check`` fail and say why (house.md §1, §3, 16, 17)."""
    with (tree / plant.file).open("a") as file:
        file.write("\n" + plant.lines)

    only = () if plant.command == "contracts" else (plant.file,)
    code, said = _run(plant.command, tree, *only)

    assert code != 0, f"{plant.command} let it pass: {said}"
    assert Path(plant.file).stem in said, said
    if plant.command == "contracts":
        assert _verdict(said, plant.says) == "BROKEN", said
    else:
        assert plant.says in said, said


def _verdict(said: str, contract: str) -> str:
    """What import-linter says of a contract: BROKEN or KEPT."""
    after = said[said.index(contract) :].split()
    return next(word for word in after if word in ("BROKEN", "KEPT"))


@pytest.mark.parametrize("command", ["lint", "contracts", "house"])
def test_the_tree_as_it_is_passes(command: str, tree: Path) -> None:
    """Without a planted violation the same commands pass, so that what they refuse above is the plant."""
    code, said = _run(command, tree)

    assert code == 0, said


@pytest.mark.parametrize(
    ("room", "plant", "says"),
    [
        ("src/workbadge/terms", "def untyped(x):\n    return x\n", "no-untyped-def"),
        ("kit/src/regrant", 'X: int = "one"\n', "assignment"),
    ],
)
def test_types_are_strict_in_both_distributions(room: str, plant: str, says: str, tree: Path) -> None:
    """Code without types, or with wrong ones, is refused in the server and in the library (house.md §7)."""
    clean = _run("types", tree, room)
    (tree / room / "planted.py").write_text(f'"""Planted."""\n\n{plant}')
    planted = _run("types", tree, room)

    assert clean[0] == 0, clean[1]
    assert planted[0] == 1 and says in planted[1], planted[1]


def test_a_file_that_grows_is_marked_and_not_refused(tree: Path) -> None:
    """A long file and a long function are marks at which to stop and think, not errors (house.md §1)."""
    body = "".join(f"    x = {number}\n" for number in range(450))
    (tree / W / "terms/planted.py").write_text(f'"""Planted."""\n\n\ndef long() -> None:\n{body}')

    _, said = _run("house", tree)

    assert "error: src/workbadge/terms/planted.py" not in said
    assert "planted.py: 454 lines (mark: 400)" in said and "long has 451 lines (mark: 40)" in said


def test_what_is_shown_here_is_what_make_check_runs() -> None:
    """``make check`` runs every one of these commands on the whole tree, and ``.ci/run`` runs ``make check``."""
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile.partition("\ncheck:")[2].partition("\n\n")[0]

    for words in ("ruff format --check .", "ruff check .", "-m mypy\n", "lint-imports", "-m tools.lint_house"):
        assert words in recipe + "\n", f"make check does not run {words}"
    ci = (ROOT / ".ci/run").read_text()
    assert "make check" in ci and "make test" in ci
