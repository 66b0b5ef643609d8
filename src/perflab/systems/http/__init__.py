"""HTTP/1.1 on both ends of a connection, as small as measuring needs it."""
