# Written by tools/unasync.py from kit/src/regrant/_async/__init__.py: change that file.
"""The asynchronous half, written by hand. Its blocking twin is made of it (decision record 27)."""
