"""Who is taken for a speaker, and who is not: a wrong one is worse than none."""

import pytest

from sessionqa.importers import people


@pytest.mark.parametrize(
    ("text", "speakers"),
    [
        ("The session was led by Ada Byrne and Bo Lind, who baked.", "Ada Byrne; Bo Lind"),
        ("The talk at re:Invent 2023 was presented by Ada Byrne and her team.", "Ada Byrne"),
        (
            'The talk "Led by Robots" (RYE210) was given by Ada Byrne, an engineer at Oven, today.',
            "Ada Byrne: engineer at Oven",
        ),
        (
            "GrainConf had a session on milling oats by hand, led by Ada Byrne, a director, and "
            "Bo Lind, a technologist.",
            "Ada Byrne: director; Bo Lind: technologist",
        ),
        ("The workshop was led by principal engineer Ada Byrne.", "Ada Byrne: principal engineer"),
        (
            "The talk was given by Dr. Ludwig van der Berg (CTO, Oven).",
            "Ludwig van der Berg: CTO, Oven",
        ),
        ("The talk by Ada Byrne (she/her) and Bo Lind covers rye.", "Ada Byrne; Bo Lind"),
        ("The presenters, Ada Byrne and Bo Lind, discussed bran.", "Ada Byrne; Bo Lind"),
        (
            "Ada Byrne, CTO of Oven, and Bo Lind presented this session.",
            "Ada Byrne: CTO of Oven; Bo Lind",
        ),
        ("In this talk, María Ñúñez explains yeast.", "María Ñúñez"),
        (
            "The session featured Ada Byrne, an engineer at Oven, and Iris, a baker.",
            "Ada Byrne: engineer at Oven",
        ),
        (
            "The session was presented by Ada Byrne from Ryeland Mill.",
            "Ada Byrne: from Ryeland Mill",
        ),
        ("The talk was given by Oven's Ada Byrne.", "Ada Byrne"),
        # "A, B" may be two people, or one and a company; in "A, X and B, Y" it is plain.
        ("Presented by Yuki Tanabe, Kansai Link", "Yuki Tanabe"),
        ("Presented by Élodie Marchand, Voie Libre.", "Élodie Marchand"),
        ("The session was presented by Ada Byrne, Kansai Link.", "Ada Byrne"),
        ("Presented by Ada Byrne, SNCF", "Ada Byrne: SNCF"),
        ("Presented by Ada Byrne, University of Oslo", "Ada Byrne: University of Oslo"),
        ("Presented by Ada Byrne, Bo Lind, Cy Dent", "Ada Byrne; Bo Lind; Cy Dent"),
        ("Presented by Ada Byrne, Bo Lind and Cy Dent", "Ada Byrne; Bo Lind; Cy Dent"),
        (
            "Presented by Ada Byrne, Voie Libre and Bo Lind, Oven",
            "Ada Byrne: Voie Libre; Bo Lind: Oven",
        ),
        (
            "The talk was given by Ada Byrne, Voie Libre and Bo Lind, Oven.",
            "Ada Byrne: Voie Libre; Bo Lind: Oven",
        ),
        # Single names, companies, products, places, and those who did something else.
        ("The session was led by Yoni and Iris.", ""),
        ("The session was presented by Amazon Web Services.", ""),
        ("The session featured Elastic Ovens and Granite Mills.", ""),
        ("The session described how the mill was led by Ada Byrne.", ""),
        ("A session on the project led by Ada Byrne was popular.", ""),
        ("The session quoted a book that was presented by Ada Byrne.", ""),
        ("The talk was inspired by Ada Byrne.", ""),
        ("Ada Byrne, CTO of Oven, once said that bread is life.", ""),
        ("The mill was led by Ada Byrne.", ""),
        ("The session was hosted by the University of Oslo.", ""),
    ],
)
def test_sentences_name_speakers_or_do_not(text: str, speakers: str) -> None:
    found = [f"{one.name}: {one.role}" if one.role else one.name for one in people.in_text([text])]
    assert found == [one for one in speakers.split("; ") if one]


@pytest.mark.parametrize(
    ("value", "speakers", "whole"),
    [
        ("Ada Byrne, Bo Lind", "Ada Byrne; Bo Lind", True),
        (
            "Ada Byrne (engineer at Oven), Bo Lind & Cy Dent",
            "Ada Byrne: engineer at Oven; Bo Lind; Cy Dent",
            True,
        ),
        (
            "Ada Byrne, engineer at Oven; Bo Lind, baker and owner",
            "Ada Byrne: engineer at Oven; Bo Lind: baker and owner",
            True,
        ),
        ("Yoni", "", False),
        ("to be announced", "", False),
    ],
)
def test_lines_name_speakers(value: str, speakers: str, whole: bool) -> None:
    found, understood = people.in_field(value)
    told = [f"{one.name}: {one.role}" if one.role else one.name for one in found]
    assert (told, understood) == ([one for one in speakers.split("; ") if one], whole)


@pytest.mark.parametrize(
    ("value", "speakers", "whole"),
    [
        ("Ada Byrne, Kansai Link", "Ada Byrne", False),
        ("Ada Byrne, Oven Inc.", "Ada Byrne: Oven Inc", True),
        ("Ada Byrne, engineer at Oven", "Ada Byrne: engineer at Oven", True),
        ("Ada Byrne, who bakes", "Ada Byrne", False),
        ("Ada Byrne and Bo Lind", "Ada Byrne; Bo Lind", True),
    ],
)
def test_a_by_line_of_two_names_may_name_one_person(value: str, speakers: str, whole: bool) -> None:
    found, understood = people.in_by_line(value)
    told = [f"{one.name}: {one.role}" if one.role else one.name for one in found]
    assert (told, understood) == (speakers.split("; "), whole)


def test_what_follows_one_speaker_is_no_other() -> None:
    ((one,), whole) = people.in_field("Ada Byrne, Senior Miller, Ryeland Mill", alone=True)
    assert (one.name, one.role, whole) == ("Ada Byrne", "Senior Miller, Ryeland Mill", True)
