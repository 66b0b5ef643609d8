"""What a page and its console complain about while a test uses it."""

from __future__ import annotations

from typing import Any

OF_THE_NETWORK = ("favicon", "net::ERR_", "Failed to load resource")
"""What a page asks of the network, which tests do without."""


def complaints_of(page: Any) -> list[str]:
    """From now on; the list grows."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    return found


def serious(complaints: list[str], *ignored: str) -> list[str]:
    """Without those of the network, and without what holds one of `ignored`."""
    return [text for text in complaints if not any(part in text for part in (*OF_THE_NETWORK, *ignored))]
