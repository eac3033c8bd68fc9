"""The Business Manager: pages for the people of a business, its migration, and the claim. Imports: ``web`` and below."""
