"""regrant is one source in two forms."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_blocking_half_is_made_of_the_asynchronous_one() -> None:
    """house.md 9: the blocking files are exactly what tools/unasync.py makes of the asynchronous ones."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.unasync", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_blocking_half_awaits_nothing() -> None:
    """house.md 9: no word of asynchrony is left in the blocking files."""
    for path in sorted((ROOT / "kit/src/regrant/_sync").glob("*.py")):
        if path.name == "__init__.py":
            continue
        text = path.read_text().partition("\n")[2]
        assert not [word for word in ("await ", "async ", "Async", "_async", "asyncio") if word in text], path.name
