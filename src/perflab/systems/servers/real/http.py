"""What the real web servers have in common: a page of 1 KB at "/", by which they show that they are ready."""

from __future__ import annotations

PAGE = "A page of one kilobyte. ".ljust(1_023, "-") + "\n"
ASK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
READY = b"HTTP/1.1 200"
