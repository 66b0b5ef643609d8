"""Real SQLite files on disk, and what is asked of them."""
