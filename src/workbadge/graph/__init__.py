"""The Graph dialect: nodes, edges, fields, paging, its errors (``wire.md`` §2, §3). Imports: ``web`` and below."""
