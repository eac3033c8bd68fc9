"""The asynchronous half, written by hand. Its blocking twin is made of it (decision record 27)."""
