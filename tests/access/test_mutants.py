"""Planted bugs: each is found by the properties, which pass without it (``house.md`` 30).

A mutant is a change of source text in a copy of the pure rooms. The old text must occur exactly once, so that no later
change of the source disarms a mutant silently.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("terms", "access", "lifecycle")
TESTS = "tests/access/test_properties.py"
CHECKS, INSTANTS, MIGRATION = "access/_checks.py", "terms/instants.py", "lifecycle/migration.py"


@dataclass(frozen=True)
class Mutant:
    """One planted bug. ``found_by``: those properties by name that are to find it."""

    says: str
    file: str
    old: str
    new: str
    found_by: str


MUTANTS = (
    Mutant(
        "`>` for `>=` at a cut-off: access in the very instant of the end",
        INSTANTS,
        "return self.starts <= now and (self.ends is None or now < self.ends)",
        "return self.starts <= now and (self.ends is None or now <= self.ends)",
        "agree or told_end or cut_off",
    ),
    Mutant(
        "the grace's end is missing from `until`",
        CHECKS,
        "        return Held(route.membership.ends)\n",
        "        return HOLDS if route.handed_over is not None else Held(route.membership.ends)\n",
        "told_end or extension",
    ),
    Mutant(
        "a membership's end is missing from `until`",
        CHECKS,
        "        return Held(route.membership.ends)\n",
        "        return Held(route.membership.ends) if route.handed_over is not None else HOLDS\n",
        "told_end",
    ),
    Mutant(
        "a share's end is missing from `until`",
        CHECKS,
        "        return Held(route.share.ends)\n",
        "        return HOLDS\n",
        "told_end",
    ),
    Mutant(
        "a suspended account is ignored",
        CHECKS,
        "if account.suspended is not None and account.suspended <= now:",
        "if account.suspended is not None and account.suspended > now and account.suspended < now:",
        "told_end or leaver",
    ),
    Mutant(
        "a page token forgets its parent",
        CHECKS,
        "if token.parent_revoked is not None and token.parent_revoked <= now:",
        "if token.parent_revoked is not None and token.revoked is not None and token.parent_revoked <= now:",
        "told_end or chain",
    ),
    Mutant(
        "a grant that lapses is still used in the very instant",
        CHECKS,
        "Held(grant.lapses) if now < grant.lapses else",
        "Held(grant.lapses) if now <= grant.lapses else",
        "told_end",
    ),
    Mutant(
        "the end of an unused grant is missing from `until`",
        CHECKS,
        "Held(grant.lapses) if now < grant.lapses else",
        "HOLDS if now < grant.lapses else",
        "told_end",
    ),
    Mutant(
        "a new consent by the personal account in grace counts",
        CHECKS,
        "max(token.authorized, selected) <= handed_over:",
        "selected <= handed_over:",
        "nothing_new",
    ),
    Mutant(
        "a new selection by the personal account in grace counts",
        CHECKS,
        "max(token.authorized, selected) <= handed_over:",
        "token.authorized <= handed_over:",
        "nothing_new",
    ),
    Mutant(
        "a second way to the asset is ignored",
        CHECKS,
        "    for route in facts.routes:\n",
        "    for route in facts.routes[:1]:\n",
        "agree or cut_off or everywhere_else",
    ),
    Mutant(
        "of two ways the first is told, not the last to end",
        CHECKS,
        "        elif best is None or _later(answer, best):\n",
        "        elif best is None:\n",
        "told_end",
    ),
    Mutant(
        "a rollback forgets one assignment",
        MIGRATION,
        "    for asset, tasks in sorted(assignments.items()):\n        kept =",
        "    for asset, tasks in sorted(assignments.items())[1:]:\n        kept =",
        "rollback",
    ),
    Mutant(
        "a rollback brings back what an admin took",
        MIGRATION,
        "        kept = tasks & managed.assignments.get(asset, NONE)\n",
        "        kept = tasks\n",
        "rollback",
    ),
    Mutant(
        "a rollback ends a managed membership that was there before",
        MIGRATION,
        "    own = _managed_before(person.before)\n",
        "    own = None\n",
        "rollback",
    ),
    Mutant(
        "a second invitation prolongs the grace",
        MIGRATION,
        "    handed_over = personal is not None and personal.handed_over is not None\n",
        "    handed_over = False\n",
        "invited_twice",
    ),
    Mutant(
        "a deadline takes the last admin",
        MIGRATION,
        "    last = personal.role is Role.ADMIN and other_admins < 1\n",
        "    last = False\n",
        "deadlines",
    ),
    Mutant(
        "a late claim opens a grace",
        MIGRATION,
        "    late = not personal.is_open(now)\n",
        "    late = False\n",
        "late_claim",
    ),
    Mutant(
        "what is taken from the managed account stays with the old login",
        "lifecycle/membership.py",
        "    affected = [one for one in (membership, *_running(graces, now)) if asset_id in one.assignments]\n",
        "    affected = [one for one in (membership,) if asset_id in one.assignments]\n",
        "rollback",
    ),
    Mutant(
        "a leaver keeps the grace",
        "lifecycle/membership.py",
        "    graces = _running(graces, now)\n    changes: list[Change] = [SuspendAccount",
        "    graces = ()\n    changes: list[Change] = [SuspendAccount",
        "leaver",
    ),
    Mutant(
        "a hand-over is no change to come",
        "access/_next_change.py",
        "        yield from (route.handed_over, route.business_suspended)\n",
        "        yield route.business_suspended\n",
        "next_instant",
    ),
    Mutant(
        "a membership to come is no change to come",
        "access/_next_change.py",
        "yield from (interval.starts, interval.ends)",
        "yield interval.ends",
        "next_instant",
    ),
)


def run(
    folder: Path, mutant: Mutant | None, tests: str = TESTS, chosen: str = "", examples: int = 50
) -> subprocess.CompletedProcess[str]:
    """Run the properties against a copy of the pure rooms, few examples; the first failure ends it."""
    package = folder / "workbadge"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for room in ROOMS:
        shutil.copytree(ROOT / "src" / "workbadge" / room, package / room, ignore=shutil.ignore_patterns("__pycache__"))
    if mutant is not None:
        source = (package / mutant.file).read_text()
        assert source.count(mutant.old) == 1, f"{mutant.says}: its text does not stand exactly once in {mutant.file}"
        (package / mutant.file).write_text(source.replace(mutant.old, mutant.new))
    program = (
        "import sys, pytest, workbadge.access, workbadge.lifecycle, workbadge.terms;"
        "assert all(module.__file__.startswith(sys.argv[1]) for name, module in sys.modules.items()"
        " if name.startswith('workbadge'));"
        "sys.exit(pytest.main(['-x', '-q', '--noconftest', '--no-header', '--tb=line', *sys.argv[2:]]))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "WORKBADGE_EXAMPLES": str(examples),
        "WORKBADGE_MUTANT": "1",
    }
    for name in [name for name in environment if name.startswith(("PYTEST_", "COV_", "COVERAGE_"))]:
        del environment[name]
    command = [sys.executable, "-c", program, str(folder), str(ROOT / tests), *(["-k", chosen] if chosen else [])]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)


def test_the_unchanged_source_passes(tmp_path: Path) -> None:
    """Without a planted bug the very run that finds them passes (house 30)."""
    done = run(tmp_path, None)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.says for mutant in MUTANTS])
def test_a_planted_bug_is_found(mutant: Mutant, tmp_path: Path) -> None:
    """With the bug planted, a property fails by an assertion, not a broken program (house 30)."""
    done = run(tmp_path, mutant, chosen=mutant.found_by)
    assert done.returncode == 1, f"survived: {mutant.says}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert "AssertionError" in done.stdout or "assert" in done.stdout, done.stdout[-2000:]


# What histories check by themselves, without a property that draws the very situation.
BY_HISTORIES = (MIGRATION, "lifecycle/membership.py", INSTANTS)
NOT_BY_HISTORIES = ("a rollback ends a managed", "a second invitation")
"""Histories refuse a second invitation as the shell does, and open no managed membership before a claim."""


@pytest.mark.long
@pytest.mark.parametrize(
    "mutant",
    [one for one in MUTANTS if one.file in BY_HISTORIES and not one.says.startswith(NOT_BY_HISTORIES)],
    ids=lambda mutant: mutant.says,
)
def test_a_planted_bug_is_found_by_histories(mutant: Mutant, tmp_path: Path) -> None:
    """With a bug planted in a plan, some random history leaves the model (house 30)."""
    done = run(tmp_path, mutant, "tests/lifecycle/test_histories.py", examples=60)
    assert done.returncode == 1, f"survived: {mutant.says}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
