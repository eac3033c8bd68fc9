"""Write regrant's blocking half from its asynchronous source: ``python -m tools.unasync [--check]``.

``kit/src/regrant/_async`` is written by hand, ``_sync`` by this program (decision record 27). Each word below is replaced; what
is left is formatted by ruff. With ``--check`` nothing is written, and the exit code says whether the files are up to date.
"""

import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path("kit/src/regrant/_async")
TARGET = Path("kit/src/regrant/_sync")
MARK = "# Written by tools/unasync.py from {source}: change that file.\n"

WORDS = {
    "AsyncEngine": "Engine",
    "AsyncIterator": "Iterator",
    "AsyncBaseTransport": "BaseTransport",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "async_pause": "pause",
    "async_aside": "aside",
    "_async": "_sync",
}
RULES = [
    (r"\bawait (\w+)\.run_sync\(([\w.]+)\)", r"\2(\1)"),
    (r"from sqlalchemy\.ext\.asyncio import", "from sqlalchemy import"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b(" + "|".join(WORDS) + r")\b", lambda found: WORDS[found[1]]),
    (r"\bAsync(?=[A-Z])", ""),
]


def blocking(text: str, source: Path) -> str:
    """The blocking form of one file, formatted."""
    for pattern, to in RULES:
        text = re.sub(pattern, to, text)
    for command in (["check", "--fix-only", "--quiet", "--select", "I"], ["format", "--quiet"]):
        whole = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET / source.name), "-"]
        text = subprocess.run(whole, input=text, capture_output=True, text=True, check=True).stdout
    return MARK.format(source=source.as_posix()) + text


def main() -> int:
    """Write the files, or compare them."""
    check = "--check" in sys.argv[1:]
    wanted = {TARGET / source.name: blocking(source.read_text(), source) for source in sorted(SOURCE.glob("*.py"))}
    stale = sorted(set(TARGET.glob("*.py")) - set(wanted))
    stale += [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if check:
        print("".join(f"{path} is not up to date: run python -m tools.unasync\n" for path in stale), end="")
        return 1 if stale else 0
    TARGET.mkdir(exist_ok=True)
    for path in stale:
        if path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
