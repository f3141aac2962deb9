"""HTML -> the elements of its content: what frames a page, hides in it or sells is left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sessionqa.importers import html
from sessionqa.importers.articles.elements import Element, in_bold
from sessionqa.importers.articles.lines import groups, joined
from sessionqa.importers.text import one_line

if TYPE_CHECKING:
    from lxml.etree import _Element

_NEVER = frozenset(
    "aside audio button canvas datalist dialog embed head input label map math menu meter nav "
    "noscript object optgroup option progress script select style svg template textarea title "
    "video img picture".split()
)
_ROLES = frozenset(
    "alert alertdialog banner complementary contentinfo dialog form menu menubar navigation search "
    "status tablist toolbar tooltip".split()
)
_OF_LAYOUT = html.BLOCKS - {*("table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption", "p")}
# Words of a class or an id.
_FRAME = frozenset(
    "ad ads advert advertisement advertisements addtoany author authors breadcrumb breadcrumbs "
    "byline catlinks editsection label-list likes mw-jump-link printfooter "
    "call-to-action comment comments consent cookie cookies copyright cta disqus footer "
    "gdpr jp-relatedposts masthead menu metabar modal nav navbar "
    "navigation newsletter noprint pager "
    "pagination paywall popup post-meta entry-meta article-meta post-tags promo promotion "
    "read-more recommendations recommended related respond "
    "screen-reader-text share sharedaddy sharing "
    "sidebar signup site-header skip-link social sr-only subscribe subscription table-of-contents "
    "tag-list tagcloud tags toast toc visually-hidden widget-area".split()
)
_CONTENT = frozenset(("article", "section", "main"))
# What holds footnotes.
_NOTES = frozenset(("footnotes", "endnotes", "references", "footnotes-list"))
_BOLD = frozenset(("b", "strong"))
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# What shows a recording within a page, and where the recording has a page of its own.
_EMBEDDED = (
    (
        re.compile(r"(?:https?:)?//(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]+)", re.I),
        "https://www.youtube.com/watch?v=",
    ),
    (re.compile(r"(?:https?:)?//player\.vimeo\.com/video/(\d+)", re.I), "https://vimeo.com/"),
)
_ANCHORS = frozenset(("", "#", "¶", "§", "🔗", "⚓", "↑", "^", "↩", "↩︎", "↩️"))
# The mark of a footnote is no longer: [123].
MAX_MARK_CHARS = 6
_BULLET = re.compile(r"[·•▪‣◦●∙]\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says that it is called, empty if it does not, and the elements of its content."""

    title: str
    elements: Iterator[Element]


def read(text: str, name: str) -> Page:
    """A page's title and its elements, in their order.

    Raises SourceError if it is nested deeper than any page is, or an element has more attributes.
    """
    root = html.parsed(text.encode("utf-8", "replace"), "utf-8", name)
    if root is None:
        return Page("", iter(()))
    title = root.find(".//title")
    called = "" if title is None else one_line("".join(title.itertext()))
    return Page(called, _Flow(_frames(root), _notes(root)).read(root))


@dataclass(slots=True)
class _Weight:
    """How many characters of text stand in an element, in all and in links within the page.

    `places` counts these links, and `outward` those that lead elsewhere. `page` is what the last of
    these links has before its #, and `elsewhere` says that they do not all have the same.
    """

    text: int = 0
    linked: int = 0
    places: int = 0
    outward: int = 0
    page: str = ""
    elsewhere: bool = False

    def add(self, other: "_Weight") -> None:
        """Counts in what an element within it holds."""
        if other.places:
            differs = self.places > 0 and self.page != other.page
            self.elsewhere = self.elsewhere or other.elsewhere or differs
            self.page = other.page
        self.text += other.text
        self.linked += other.linked
        self.places += other.places
        self.outward += other.outward


def _frames(root: "_Element") -> "set[_Element]":
    """The elements that are no content; those within them are not looked at."""
    from lxml import etree

    weights = _weights(root)
    inside: list[str] = []
    frames: set[_Element] = set()
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, node in walk:
        if event == "end":
            inside.pop()
            continue
        if _is_frame(node, inside, weights[node], weights[root].text):
            frames.add(node)
            walk.skip_subtree()
        inside.append(str(node.tag))
    return frames


def _notes(root: "_Element") -> "dict[str, _Element]":
    """The footnotes of a page, by their ids."""
    return {
        str(note.get("id")): note
        for node in root.iter("section", "div", "ol", "ul")
        if node.get("role") == "doc-endnotes" or _words(node) & _NOTES
        for note in node.iter("li", "p", "div")
        if note.get("id") and note is not node
    }


def _weights(root: "_Element") -> "dict[_Element, _Weight]":
    """What each element holds."""
    from lxml import etree

    weights: dict[_Element, _Weight] = {}
    open_: list[_Weight] = []
    for event, node in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            open_.append(_Weight(len((node.text or "").strip())))
            continue
        own = open_.pop()
        if node.tag == "a" and _leads_within(node):
            own.linked, own.places = own.text, own.places + 1
            own.page = (node.get("href") or "").split("#")[0]
        elif node.tag == "a":
            own.outward += 1
        if node.tag in _NEVER:
            own = _Weight()
        weights[node] = own
        if open_:
            open_[-1].add(own)
            open_[-1].text += len((node.tail or "").strip())
    return weights


def _is_frame(node: "_Element", inside: list[str], weight: _Weight, whole: int) -> bool:
    tag = str(node.tag)
    if tag in ("html", "body") or (tag in ("main", "article") and not _is_hidden(node)):
        return False
    return (
        tag in _NEVER
        or _is_hidden(node)
        or (weight.text <= MAX_MARK_CHARS and _is_anchor(node, tag))
        or (tag in ("header", "footer") and _CONTENT.isdisjoint(inside))
        or (node.get("role") or "").casefold() in _ROLES
        or _is_contents(tag, weight)
        # A page may say that it has a sidebar, stand in a form as a whole, and be hidden behind a
        # dialog; a frame is less than half of what is read.
        or (2 * weight.text < whole and _may_be_frame(node, tag))
    )


def _may_be_frame(node: "_Element", tag: str) -> bool:
    return (
        tag == "form"
        or (node.get("aria-hidden") or "").casefold() == "true"
        or bool(_words(node) & _FRAME)
    )


def _is_anchor(node: "_Element", tag: str) -> bool:
    """Whether it is what a heading offers to link to it, or the mark of a footnote."""
    if tag not in ("a", "sup"):
        return False
    link = _link_of(node)
    text = one_line("".join(node.itertext()))
    if tag == "sup" or node.find("sup") is not None:
        return link is not None and _leads_within(link) and not text.strip("[]*†‡0123456789")
    return _leads_within(node) and text in _ANCHORS


def _link_of(node: "_Element") -> "_Element | None":
    """The only link that a node is or holds; none where it holds several."""
    links = list(node.iter("a"))
    return links[0] if len(links) == 1 else None


def _leads_within(link: "_Element") -> bool:
    """Whether it leads to a place of a page: of this one, whose address a saved page has too."""
    return "#" in (link.get("href") or "")


def _is_hidden(node: "_Element") -> bool:
    return node.get("hidden") is not None or _HIDDEN.search(node.get("style") or "") is not None


def _is_contents(tag: str, weight: _Weight) -> bool:
    """Whether it is a list of nothing but links to other places of the page."""
    # A saved page has its own address before the #, as others may have where there is one link.
    within = weight.places > 0 and not weight.outward and not weight.elsewhere
    certain = weight.places > 1 or not weight.page
    full = weight.linked >= 0.8 * weight.text
    return tag in ("ul", "ol") and within and certain and full


def _words(node: "_Element") -> set[str]:
    """The words of its class and id: share-buttons has share, buttons, and both together."""
    words: set[str] = set()
    for name in f"{node.get('class') or ''} {node.get('id') or ''}".casefold().split():
        # A post's own topics are no frames of it.
        if not name.startswith(("tag-", "category-")) or name in _FRAME:
            parts = re.split(r"[-_]+", name)
            words.update(("-".join(parts), *parts))
    return words


class _Flow:
    """Text as it comes, gathered to lines and the lines to elements."""

    def __init__(self, frames: "set[_Element]", notes: "dict[str, _Element]") -> None:
        self._frames = frames
        self._notes = notes
        self._noted: list[_Element] = []
        self._runs: list[tuple[str, bool, bool]] = []
        self._lines: list[tuple[str, bool, bool]] = []
        self._links: list[str] = []
        self._bold = self._link = self._level = self._items = 0
        self._begins_item = False

    def read(self, root: "_Element") -> Iterator[Element]:
        """The elements under `root`."""
        from lxml import etree

        walk = etree.iterwalk(root, events=("start", "end"))
        whole: set[_Element] = set()
        for event, node in walk:
            tag = str(node.tag)
            if event == "start":
                if node in self._frames:
                    self._note(node)
                    walk.skip_subtree()
                    continue
                if tag in html.BLOCKS:
                    yield from self._flush()
                if tag == "pre" or (tag == "table" and _is_of_data(node)):
                    whole.add(node)
                    walk.skip_subtree()
                    text = self._fenced(node) if tag == "pre" else self._table(node)
                    yield Element(text, "markdown")
                    continue
                yield from self._opened(node, tag)
                self._text(node.text)
            elif node in self._frames:
                self._text(f" {node.tail or ''}")
            else:
                if tag in html.BLOCKS:
                    yield from self._flush()
                if node not in whole:
                    self._closed(node, tag)
                self._text(node.tail)
        yield from self._flush()

    def _opened(self, node: "_Element", tag: str) -> Iterator[Element]:
        if tag == "br":
            self._end_line()
        elif tag == "hr":
            yield Element("", "rule")
        elif tag == "iframe":
            yield from self._embedded(node)
        elif tag == "li":
            self._items += 1
            self._begins_item = True
        elif tag == "a":
            self._link += 1
            if href := (node.get("href") or "").strip():
                self._links.append(href)
        elif tag in _BOLD:
            self._bold += 1
        self._level = _level(node, tag) or self._level

    def _closed(self, node: "_Element", tag: str) -> None:
        if tag == "li":
            self._items -= 1
            self._begins_item = False
        elif tag == "a":
            self._link -= 1
        elif tag in _BOLD:
            self._bold -= 1
        elif _level(node, tag):
            self._level = 0

    def _embedded(self, node: "_Element") -> Iterator[Element]:
        source = node.get("src") or node.get("data-src") or ""
        for pattern, place in _EMBEDDED:
            if found := pattern.match(source):
                yield from self._flush()
                title = one_line(node.get("title") or "")
                yield Element(title, links=(f"{place}{found[1]}",), linked=True)

    def _fenced(self, node: "_Element") -> str:
        text = "".join(self._texts(node, "\n")).strip("\n")
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
        return f"{fence}\n{text}\n{fence}" if text.strip() else ""

    def _table(self, node: "_Element") -> str:
        """A table as Markdown has it; its first row is its head."""
        rows = [
            [self._cell(cell) for cell in row if cell.tag in ("td", "th")]
            for row in node.iter("tr")
        ]
        filled = [row for row in rows if any(row)]
        if not filled:
            return ""
        # Rows may be shorter than the head.
        width = max(map(len, filled))
        filled[0] += [""] * (width - len(filled[0]))
        head, *rest = (f"| {' | '.join(row)} |" for row in filled)
        return "\n".join([head, f"|{' --- |' * width}", *rest])

    def _cell(self, cell: "_Element") -> str:
        return re.sub(r"[\\`*\[\]|<]", r"\\\g<0>", one_line("".join(self._texts(cell, " "))))

    def _texts(self, root: "_Element", gap: str) -> Iterator[str]:
        """The text within an element, without what is no content; a gap where a block ends."""
        from lxml import etree

        walk = etree.iterwalk(root, events=("start", "end"))
        for event, node in walk:
            if event == "end":
                apart = gap if node.tag in html.BLOCKS or node.tag == "br" else ""
                yield apart + (node.tail or "" if node is not root else "")
            elif node in self._frames:
                walk.skip_subtree()
            else:
                yield node.text or ""

    def _text(self, text: str | None) -> None:
        if text:
            self._runs.append((text, self._bold > 0, self._link > 0))

    def _end_line(self) -> None:
        seen = [run for run in self._runs if run[0].strip()]
        text = one_line("".join(run[0] for run in self._runs))
        bold = bool(seen) and all(run[1] for run in seen)
        linked = bool(seen) and all(run[2] for run in seen)
        self._lines.append((text, bold, linked))
        self._runs = []

    def _note(self, mark: "_Element") -> None:
        """Takes the footnote that a mark leads to out of the list at the end."""
        link = _link_of(mark)
        note = None if link is None else self._notes.get((link.get("href") or "").split("#")[-1])
        if note is not None and note not in self._frames:
            self._noted.append(one_line("".join(self._texts(note, " "))))
            self._frames.add(note)

    def _flush(self) -> Iterator[Element]:
        """The elements of the block that ends here, and what its footnotes say."""
        yield from self._block()
        noted, self._noted = self._noted, []
        yield from (Element(text) for text in noted if text)

    def _block(self) -> Iterator[Element]:
        """The elements of the block that ends here."""
        if not self._runs and not self._lines:
            return
        self._end_line()
        lines, links = self._lines, tuple(dict.fromkeys(self._links))
        self._lines, self._links = [], []
        if self._level or self._begins_item:
            text = one_line(" ".join(line[0] for line in lines))
            linked = all(line[2] for line in lines)
            if text:
                kind, level = ("heading", self._level) if self._level else ("item", 0)
                self._begins_item = False
                yield Element(
                    text, "heading" if kind == "heading" else "item", level, links, linked
                )
            elif links:
                self._links = list(links)
            return
        yield from _paragraphs(lines, links)


def _paragraphs(lines: list[tuple[str, bool, bool]], links: tuple[str, ...]) -> Iterator[Element]:
    """The paragraphs of lines that <br> ended; an empty one, and one in bold, part them."""
    plain: list[tuple[str, bool]] = []
    for text, bold, linked in [*lines, ("", False, False)]:
        if text and not bold:
            plain.append((text, linked))
            continue
        for part in groups([one for one, _ in plain]):
            texts, marks = zip(*plain[part.start : part.stop], strict=True)
            paragraph = joined(texts)
            if bullet := _BULLET.match(paragraph):
                yield Element(paragraph[bullet.end() :], "item", 0, links, all(marks))
            else:
                yield Element(paragraph, links=links, linked=all(marks))
        plain = []
        if text:
            yield in_bold(text, links, linked)


def _level(node: "_Element", tag: str) -> int:
    if tag in html.HEADINGS:
        return int(tag[1])
    if tag in ("summary", "dt"):
        return 6
    if node.get("role") == "heading":
        given = node.get("aria-level") or "2"
        return int(given) if given in "123456" else 2
    return 0


def _is_of_data(table: "_Element") -> bool:
    """Whether it has rows of cells, and no page laid out in it."""
    return not any(node.tag in _OF_LAYOUT for node in table.iter())
