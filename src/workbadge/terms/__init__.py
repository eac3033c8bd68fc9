"""The vocabulary as code: ids, kinds, tasks, scopes, reasons, intervals, addresses.

Every word of ``design.md`` §2 that the program needs has exactly one definition here.
Imports: standard library only; no clock, no randomness, no I/O.
"""
