"""A page as a browser would take it apart: elements with their attributes, texts, and whether tags nest."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "br", "hr", "link", "input"}


class ParsedPage(HTMLParser):
    """Parses a whole page.

    Attributes:
        html: the source.
        elements: (tag, attributes) in order.
        texts: what is read, style sheet left out.
        faults: tags that close nothing or are never closed.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]

    @classmethod
    def read(cls, path: Path) -> ParsedPage:
        """Of a file."""
        return cls(path.read_text(encoding="utf-8"))

    @property
    def text(self) -> str:
        """All that is read, blanks joined."""
        return " ".join(" ".join(self.texts).split())

    def attributes(self, tag: str) -> list[dict[str, str]]:
        """Attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.faults.append(f"</{tag}> inside {self._open[-1:]}")

    def handle_data(self, data: str) -> None:
        if "style" not in self._open[-1:]:
            self.texts.append(data)
