"""A mail as it leaves the shop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OutgoingMail:
    """To one person, in their language, as text and as a page; both say the same."""

    to: str
    subject: str
    text: str
    html: str
