"""Recording a journey as text: what was done and what came back, with ids and secrets named, not shown."""

import json
import os
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


class Transcript:
    """Lines of a journey. Names given to ids, tokens and secrets replace them, so that a transcript is repeatable."""

    def __init__(self, name: str) -> None:
        self._file = FOLDER / f"{name}.out"
        self._lines: list[str] = []
        self._names: dict[str, str] = {}

    def name(self, value: str, name: str) -> str:
        """From now on ``value`` reads ``<name>``; returns ``value``."""
        self._names[value] = f"<{name}>"
        return value

    def title(self, text: str) -> None:
        """A heading."""
        self._lines += ["", f"## {text}", ""]

    def step(self, what: str, came: Any) -> None:
        """One step and what came back."""
        self._lines.append(f"> {self._masked(what)}")
        text = json.dumps(came, indent=1, sort_keys=True, ensure_ascii=False)
        self._lines += [f"  {line}" for line in self._masked(text).splitlines()]

    def _masked(self, text: str) -> str:
        for value in sorted(self._names, key=len, reverse=True):
            text = text.replace(value, self._names[value])
        text = re.sub(r'"fbtrace_id": "[^"]*"', '"fbtrace_id": "<trace>"', text)
        text = re.sub(r"EAA[A-Za-z0-9]{100}", "<token>", text)
        text = re.sub(r"(claim/)[A-Za-z0-9_-]{20,}", r"\1<link>", text)
        text = re.sub(r"http://127\.0\.0\.1:\d+", "<base>", text)
        return re.sub(r"\b[1-5]\d{17}\b", "<id>", text)

    def check(self) -> None:
        """The transcript equals the recorded one. ``RECORD=1`` writes it anew; look at the difference before you keep it."""
        text = "\n".join(self._lines).strip() + "\n"
        if os.environ.get("RECORD"):
            self._file.write_text(text)
        assert self._file.exists(), f"{self._file.name} is missing: run with RECORD=1 and review it"
        assert text == self._file.read_text(), f"{self._file.name} differs: run with RECORD=1 and review the difference"
