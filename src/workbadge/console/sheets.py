"""Tables for spreadsheets."""

import csv
import io
from collections.abc import Iterable


def plain_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (WB-31)."""
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text


def csv_lines(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV, every cell neutralised."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([plain_cell("" if cell is None else str(cell)) for cell in row])
    return out.getvalue()
