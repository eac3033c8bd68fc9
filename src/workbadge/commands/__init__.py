"""What can be done: one file per noun. Each command opens a transaction, loads, decides, plans, applies, records.

A command takes ``Services`` first, then its own arguments, ``now`` last. It raises ``CommandError`` (``errors``)
with a closed ``Problem``; whoever calls over HTTP turns that into its own dialect. Imports: every room below.
"""
