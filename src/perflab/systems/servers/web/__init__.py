"""Web servers of four architectures of our own, and three real ones, with the same paths: `web_server.web_server`."""
