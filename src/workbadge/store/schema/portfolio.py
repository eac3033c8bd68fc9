"""The tables of the business portfolio beyond assets and people: invitations, asset groups."""
