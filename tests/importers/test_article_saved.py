"""Articles as programs save them: pages of blogs and wikis, exports, mails, copied text.

Each file of `layouts` is one, and the JSON beside it says what must come of it. A heading
of the body is written "# ...", an item of a list "- ...".
"""

import json
from pathlib import Path
from typing import Any

import pytest

from sessionqa.importers.articles import read
from sessionqa.importers.drafts import Block, Draft, Source
from sessionqa.importers.media import by_suffix as media_of

LAYOUTS = Path(__file__).parent / "layouts"
ARTICLES = sorted(path for path in LAYOUTS.iterdir() if path.suffix != ".json")
MARKS = {"heading": "# ", "item": "- ", "paragraph": "", "markdown": ""}


def line(block: Block) -> str:
    return MARKS[block.kind] + block.text


def told(draft: Draft) -> dict[str, Any]:
    return {
        "code": draft.code,
        "title": draft.title,
        "event": draft.event,
        "year": draft.year,
        "speakers": [[one.name, one.role] for one in draft.speakers],
        "video_title": draft.video_title,
        "url": draft.url,
        "level": draft.level,
        "body": [line(block) for block in draft.body],
    }


@pytest.mark.parametrize("path", ARTICLES, ids=lambda path: path.name)
def test_a_saved_article_comes_out_whole(path: Path) -> None:
    expected = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
    found = [
        told(draft)
        for draft in read(Source(path.name, media_of(path.name), path.read_bytes())).drafts
    ]
    # Where the article tells no level, that of the code is no matter of its layout.
    for one, wanted in zip(found, expected, strict=False):
        wanted.setdefault("level", one["level"])
    assert found == expected


def test_each_article_has_its_expectation() -> None:
    assert len(ARTICLES) > 30
    assert {f"{path.name}.json" for path in ARTICLES} == {
        path.name for path in LAYOUTS.glob("*.json")
    }
