"""How we time and count."""
