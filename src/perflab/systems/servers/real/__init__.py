"""Real servers, each declared in a file of its own: how it is configured, started, asked whether it is ready, and stopped."""
