"""The pure rooms are covered to the last branch by their own tests, without a database (issue 2, line 4)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TESTS = (
    "tests/access/test_checks.py",
    "tests/access/test_table.py",
    "tests/lifecycle/test_plans.py",
    "tests/lifecycle/test_holding.py",
    "tests/lifecycle/test_refresh.py",
    "tests/lifecycle/test_data_access.py",
    "tests/lifecycle/test_directory.py",
    "tests/lifecycle/test_domain.py",
    "tests/lifecycle/test_people_import.py",
    "tests/terms",
)
HEAVY = ("tests/access/test_properties.py", "tests/lifecycle/test_histories.py")


def without_plugins(**more: str) -> dict[str, str]:
    """The environment without what another pytest or coverage put there."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_", "COVERAGE_"))}
    return {**kept, **more}


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a module of this Python at the root."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=without_plugins(**environment),
        capture_output=True,
        text=True,
    )


def test_every_branch_of_the_core_is_taken(tmp_path: Path) -> None:
    """Tests of access, lifecycle and terms take every line and every branch of the three rooms."""
    config, data = "--rcfile=tests/core_coverage.ini", f"--data-file={tmp_path / 'data'}"
    done = run("coverage", "run", config, data, "-m", "pytest", "--noconftest", *TESTS, PYTHONPATH=str(ROOT / "src"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = run("coverage", "report", config, data)
    assert report.returncode == 0, report.stdout


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("tests", HEAVY)
def test_many_more_examples_hold(tests: str) -> None:
    """Properties and histories hold in many more worlds, drawn anew each time (house 30)."""
    done = run("pytest", "--noconftest", tests, WORKBADGE_EXAMPLES="1000", PYTHONPATH=str(ROOT / "src"))
    assert done.returncode == 0, done.stdout[-6000:]
