"""Real servers on 127.0.0.1, each in a process of its own."""
