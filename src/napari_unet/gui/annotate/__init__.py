"""What lives here."""
