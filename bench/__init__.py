"""Speed beside peers in the same run: ``python -m bench [--quick]`` (or ``make bench``)."""
