"""HTML -> the elements of its content: what frames a page, hides in it or sells is left out."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sessionqa.errors import SourceError
from sessionqa.importers.elements import Element, in_bold, one_line
from sessionqa.importers.lines import joined, spans

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
# Words of a class or an id.
_FRAME = frozenset(
    "ad ads advert advertisement advertisements addtoany author authors breadcrumb breadcrumbs "
    "byline call-to-action comment comments consent cookie cookies copyright cta disqus footer "
    "gdpr jp-relatedposts masthead menu metabar modal nav navbar "
    "navigation newsletter noprint pager "
    "pagination paywall popup post-meta entry-meta article-meta post-tags promo promotion "
    "read-more recommendations recommended related respond "
    "screen-reader-text share sharedaddy sharing "
    "sidebar signup site-header skip-link social sr-only subscribe subscription table-of-contents "
    "tag-list tagcloud tags toast toc visually-hidden widget-area".split()
)
_BLOCKS = frozenset(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption "
    "figure footer h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main "
    "ol p pre section summary table "
    "tbody td tfoot th thead tr ul".split()
)
_BOLD = frozenset(("b", "strong"))
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_EMBEDDED = re.compile(
    r"(?:https?:)?//(?:www\.)?youtube(?:-nocookie)?\.com/embed/(?P<id>[\w-]+)", re.IGNORECASE
)
# The parser compares each attribute of an element with all of its others: a megabyte of them in one
# takes minutes.
_MOST_ATTRIBUTES = 5_000
_ATTRIBUTE = r"[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>]*+))?+"
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_TAG = re.compile(rf"<[a-zA-Z](?:{_ATTRIBUTE})*+")
_ANCHORS = frozenset(("", "#", "¶", "§", "🔗", "⚓"))


def elements(html: str, name: str = "the page") -> Iterator[Element]:
    """The elements of a page's content, in their order.

    Raises SourceError if it is nested deeper than any page is, or an element has more attributes.
    """
    root = _parsed(html, name)
    if root is None:
        return
    yield from _Flow(_frames(root)).read(root)


def title(html: str, name: str = "the page") -> str:
    """What the page says that it is called; empty if it does not."""
    root = _parsed(html, name)
    found = None if root is None else root.find(".//title")
    return "" if found is None else one_line("".join(found.itertext()))


def _parsed(html: str, name: str) -> "_Element | None":
    from lxml import etree

    if any(map(_is_crowded, _TAG.finditer(html))):
        raise SourceError(
            f"{name} has an element of more than {_MOST_ATTRIBUTES:,} attributes: "
            "save its article alone"
        )
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(html.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        # There is no element in it.
        return None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise SourceError(f"{name} is nested too deeply for a page: save its article alone")
    return root


def _is_crowded(tag: re.Match[str]) -> bool:
    """Whether a tag has more attributes than any page's, each of two characters at least."""
    length = tag.end() - tag.start()
    return length > _MOST_ATTRIBUTES and len(_ATTRIBUTES.findall(tag[0])) > _MOST_ATTRIBUTES


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
        if _is_frame(node, inside, weights[node], weights[root]):
            frames.add(node)
            walk.skip_subtree()
        inside.append(str(node.tag))
    return frames


def _weights(root: "_Element") -> "dict[_Element, int]":
    """How many characters of text stand in each element."""
    from lxml import etree

    weights: dict[_Element, int] = {}
    open_: list[int] = []
    for event, node in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            open_.append(len((node.text or "").strip()) if node.tag not in _NEVER else 0)
        else:
            own = 0 if node.tag in _NEVER else open_[-1]
            open_.pop()
            weights[node] = own
            if open_:
                open_[-1] += own + len((node.tail or "").strip())
    return weights


def _is_frame(node: "_Element", inside: list[str], weight: int, whole: int) -> bool:
    tag = str(node.tag)
    if tag in ("html", "body") or (tag in ("main", "article") and not _is_hidden(node)):
        return False
    outside = not {"article", "section", "main"} & set(inside)
    return (
        tag in _NEVER
        or _is_hidden(node)
        or _is_anchor(node, tag)
        or (tag in ("header", "footer") and outside)
        or (node.get("role") or "").casefold() in _ROLES
        or _is_contents(node, tag)
        # A page may say that it has a sidebar, stand in a form as a whole, and be hidden behind a
        # dialog; a frame is less than half of what is read.
        or (2 * weight < whole and _may_be_frame(node, tag))
    )


def _may_be_frame(node: "_Element", tag: str) -> bool:
    return (
        tag == "form"
        or (node.get("aria-hidden") or "").casefold() == "true"
        or bool(_words(node) & _FRAME)
    )


def _is_anchor(node: "_Element", tag: str) -> bool:
    """Whether it is what a heading offers to link to it."""
    return (
        tag == "a"
        and (node.get("href") or "").startswith("#")
        and one_line("".join(node.itertext())) in _ANCHORS
    )


def _is_hidden(node: "_Element") -> bool:
    return node.get("hidden") is not None or _HIDDEN.search(node.get("style") or "") is not None


def _is_contents(node: "_Element", tag: str) -> bool:
    """Whether it is a list of nothing but links to other places of the page."""
    if tag not in ("ul", "ol"):
        return False
    links = node.findall(".//a")
    inside = sum(len(one_line("".join(link.itertext()))) for link in links)
    text = len(one_line("".join(node.itertext()))) if links else 0
    return (
        bool(links)
        and all((link.get("href") or "").startswith("#") for link in links)
        and inside >= 0.8 * text
    )


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

    def __init__(self, frames: "set[_Element]") -> None:
        self._frames = frames
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
                    walk.skip_subtree()
                    continue
                if tag in _BLOCKS:
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
                if tag in _BLOCKS:
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
        if found := _EMBEDDED.match(source):
            yield from self._flush()
            address = f"https://www.youtube.com/watch?v={found['id']}"
            yield Element(one_line(node.get("title") or ""), links=(address,), linked=True)

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
        width = max(map(len, rows), default=0)
        filled = [row + [""] * (width - len(row)) for row in rows if any(row)]
        if not filled:
            return ""
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
                apart = gap if node.tag in _BLOCKS or node.tag == "br" else ""
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

    def _flush(self) -> Iterator[Element]:
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
        texts = [one for one, _ in plain]
        for start, end in spans(texts):
            whole = all(one for _, one in plain[start:end])
            yield Element(joined(texts[start:end]), links=links, linked=whole)
        plain = []
        if text:
            yield in_bold(text, links, linked)


def _level(node: "_Element", tag: str) -> int:
    if re.fullmatch("h[1-6]", tag):
        return int(tag[1])
    if tag in ("summary", "dt"):
        return 6
    if node.get("role") == "heading":
        given = node.get("aria-level") or "2"
        return int(given) if given in "123456" else 2
    return 0


def _is_of_data(table: "_Element") -> bool:
    """Whether it has rows of cells, and no page laid out in it."""
    inner = {str(node.tag) for node in table.iter()} & (_BLOCKS | {"hr"})
    return not inner - {"table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption", "p"}
