"""Every component and some sample pages, with invented data: what tests/web/test_pages.py looks at."""
