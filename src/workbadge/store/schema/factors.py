"""Second factors of accounts, and what a session knows of them."""
