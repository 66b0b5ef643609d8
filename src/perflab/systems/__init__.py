"""What we put under load: real databases, servers, caches and pools."""
