"""The standards side: RFCs beside the wire."""
