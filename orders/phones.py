"""Chinese phone numbers, however people write them."""

from __future__ import annotations

import re
import unicodedata

# A mobile, or a landline with its area code and perhaps an extension.
PHONE = re.compile(r"1[3-9]\d{9}|0\d{2,3}[2-9]\d{6,7}(?:转\d{1,5})?")


def plain_phone(typed: str | None) -> str:
    """A phone number without what people put between its digits, full-width digits included, nor China's prefix."""
    text = unicodedata.normalize("NFKC", typed or "")
    text = re.sub(r"[\s().·–—-]", "", text)
    text = re.sub(r"(?:ext|x|#|,|转)(?=\d)", "转", text, flags=re.IGNORECASE)
    return re.sub(r"^(?:\+|00)86", "", text)


def is_phone(typed: str | None) -> bool:
    """Whether it is a number one can call."""
    return PHONE.fullmatch(plain_phone(typed)) is not None
