"""What the chat shows of an answer whose session has changed since."""

from dataclasses import replace

from sessionqa import Assistant
from sessionqa.ui import page


def test_a_session_that_has_gone_or_changed_is_not_shown_with_quotes_it_lacks(
    assistant: Assistant,
) -> None:
    given = assistant.ask("What is shuffle sharding?")
    session = assistant.session(given.citations[0].session_code)
    assert "<mark" in page.sources([given], assistant.index.session)
    changed = replace(session, text=f"New. {session.text}")
    assert "<article" not in page.sources([given], lambda _: changed)
    assert "<article" not in page.sources([given], lambda _: None)


def test_a_closest_session_that_has_gone_is_left_out(assistant: Assistant) -> None:
    given = assistant.ask("How do I bake bread?")
    assert given.refused
    assert "<article" in page.sources([given], assistant.index.session)
    assert "<article" not in page.sources([given], lambda _: None)


def test_only_sessions_that_are_there_are_offered_as_the_right_one(assistant: Assistant) -> None:
    given = assistant.ask("What is shuffle sharding?")
    codes = list(assistant.index.values("session").values())
    nearest = given.hits[0].passage.session_code
    assert page.offered(given, codes)[0] == nearest
    left = [code for code in codes if code != nearest]
    assert nearest not in page.offered(given, left)
    assert sorted(page.offered(given, left)) == sorted(left)
