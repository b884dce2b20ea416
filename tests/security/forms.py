"""Forms as a browser reads them from a page: where they go, their fields, and what stands in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """One form: `typed` are the fields somebody may write into, by name, with what stands there."""

    action: str
    method: str
    kept: dict[str, str] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)


class FormReader(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.open: Form | None = None
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.open = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self.open)
        elif self.open is not None and tag in {"input", "textarea", "select", "button"} and given.get("name"):
            self.take(tag, given)
        elif self.open is not None and tag == "option" and self.select:
            self.choose(given)

    def take(self, tag: str, given: dict[str, str]) -> None:
        """One field of the open form."""
        assert self.open is not None
        name, kind = given["name"], given.get("type", "text") if tag == "input" else tag
        self.select = name if tag == "select" else self.select
        if name == "csrf_token" or kind in {"button", "submit", "checkbox", "file"}:
            self.open.kept.setdefault(name, given.get("value", "on" if kind == "checkbox" else ""))
        elif kind != "radio" or "checked" in given or name not in self.open.typed:
            self.open.typed[name] = given.get("value", "")

    def choose(self, given: dict[str, str]) -> None:
        """One choice of the open select: the one chosen, else the first that says something."""
        assert self.open is not None
        if "selected" in given or not self.open.typed.get(self.select):
            self.open.typed[self.select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        if tag == "select":
            self.select = ""


def forms_of(page: str) -> list[Form]:
    """Every form of a page."""
    reader = FormReader()
    reader.feed(page)
    return reader.forms
