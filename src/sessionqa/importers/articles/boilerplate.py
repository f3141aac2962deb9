"""Short lines and closing words that belong to a site or an article, and to no session of it."""

import re

_MAX_WORDS = 14
_LINE = re.compile(
    r"(?:"
    r"(?:share|tweet|pin|email|print|like)(?: (?:this|on|via|the)\b.*)?"
    r"|(?:sign up|subscribe|join)\b.*\b(?:newsletter|updates|mailing list|inbox|channel)\b.*"
    r"|subscribe(?: now| today| here)?|sign up(?: now| today| here)?"
    r"|(?:back|return) to (?:the )?(?:top|contents|blog|list).*"
    r"|(?:read|learn|see|show|view) (?:more|all|full)\b.{0,40}"
    r"|(?:continue|keep) reading.*|advertisement|sponsored(?: content)?|skip to (?:main )?content"
    r"|(?:watch|view|see|play)(?: (?:the|this|now|it|full|session|talk))*"
    r"(?: (?:video|recording|session|replay|talk))?(?: (?:here|now|on youtube|on demand))?"
    r"|(?:video|recording|youtube)(?: link)?"
    r"|(?:accept|reject|decline|manage) (?:all )?(?:cookies|preferences).*"
    r"|(?:we use|this site uses) cookies.*"
    r"|(?:posted|published|updated|last updated) (?:on|by|in)\b.{0,40}"
    r"|(?:proudly )?powered by\b.{0,40}"
    r"|(?:built|made) with (?:sphinx|docusaurus|mkdocs|hugo|jekyll|gatsby|quarto|docsify)\b.{0,40}"
    r"|\d+ (?:comments?|min(?:ute)?s? read|shares?|likes?|views?)"
    r"|leave a (?:comment|reply).*|(?:#\w+\s*)+|(?:contact us|get in touch|book a demo"
    r"|request a demo)\b.{0,40}"
    r")[.!:→»>]*",
    re.IGNORECASE,
)
_OTHERS = (
    r"related(?: (?!sessions?|talks?)\w+){0,2} (?:posts?|articles?|reading|stories|content|blogs?)"
    r"|(?:more|other|further|recent|latest|similar|popular|recommended|previous)(?: \w+){0,2} "
    r"(?:posts|articles|reading|reads|stories|blogs?)"
    r"|(?:you (?:may|might) also (?:like|enjoy)|ready for more).*"
    r"|(?:read|keep reading) (?:next|more)|\d+ (?:comments?|responses?|thoughts on .*)"
)
_OF_OTHERS = re.compile(
    rf"(?:{_OTHERS}|(?:more|recommended) (?:from|by|for) .{{2,60}})[.:!?]*", re.IGNORECASE
)
_EDGE = re.compile(
    r"(?:about (?:the )?(?:authors?|us|me|this (?:article|post))|author(?:s|'s bio)?"
    r"|related(?: \w+){0,3}|"
    rf"{_OTHERS}|"
    r"what(?: (?:is|comes|to (?:read|watch))|[’']s)? next|license|"
    r"(?:\d+ |leave a |post a |add a )?(?:comments?|reply|replies|responses?)|"
    r"share(?: this.*)?|subscribe.*|newsletter|stay (?:in touch|connected|tuned|up to date).*|"
    r"(?:table of )?contents|in this (?:article|post)|on this page|jump to.*|categories|tags|"
    r"introduction|intro|preface|conclusions?|in closing|closing (?:thoughts|words|remarks"
    r"|notes)|"
    r"final (?:thoughts|words|remarks|notes)|wrap(?:ping)?[- ]?(?:it )?up|outro|epilogue|"
    r"acknowledge?ments?|thanks|thank you.*|that[’']s (?:it|all|a wrap).*|next steps|"
    r"get in touch.*|contact(?: us)?|work with us|follow us|sponsors?|"
    r"(?:see|until) (?:you )?next (?:year|time).*|before you go|our (?:take|verdict)|"
    r"how we can help|ready to .*)[.:!?]*",
    re.IGNORECASE,
)
_SOURCES = re.compile(r"(?:references|footnotes|endnotes|sources|bibliography)[.:]?", re.IGNORECASE)
_INNER = re.compile(
    r"(?:key |main |my |our |the |top |\d+ )*(?:takeaways?|points?|learnings?"
    r"|lessons(?: learned)?|highlights?|"
    r"insights?|summary|overview|abstract|tl;?dr|notes|details|background|context|problem"
    r"|solution|"
    r"results?|demo|q ?& ?a|questions(?: and answers)?|resources?|links?|references?"
    r"|recording|video|"
    r"why it matters|what (?:we|i) (?:learned|liked)|who should watch.*|architecture|description|"
    r"speakers?|challenges?|approach|recommendations?|best practices|quotes?)[.:!?]*",
    re.IGNORECASE,
)
# What an author says of all the sessions, or to the reader of the article, at its end.
_CLOSING = re.compile(
    r"(?:^|[.!?] )(?:"
    r"(?:these|those|the (?:above|preceding|previous))\b(?: \w+){0,2} (?:are|were"
    r"|have been|cover\w*|represent)?"
    r"(?: \w+){0,3} ?(?:summaries|recaps|write-?ups|highlights of|all the|just some"
    r"|only some|some of|a few of)\b"
    r"|(?:i|we) (?:sincerely |really |do )?hope (?:that )?(?:you|this|these)\b"
    r"|(?:this|that) (?:concludes|wraps up|rounds off|ends|completes|brings us to the end of)"
    r" (?:our|my|the|this) (?:\w+ ){0,4}?(?:summar\w+|recaps?|round-?up|list|notes|series"
    r"|coverage|tour|digest)"
    r"|that[’']s (?:it|all|a wrap)\b"
    r"|thank(?:s| you) (?:so much |very much )?for (?:reading|following|joining us)"
    r"|(?:if you (?:enjoyed|liked|found)|did you (?:enjoy|like)) (?:this|these|our|the) "
    r"(?:\w+ ){0,2}?(?:article|post|blog|summar\w+|recaps?|notes|round-?up|list|guide|digest"
    r"|page|newsletter)"
    r"|stay tuned\b|see you (?:there|at|in|next)\b|until next (?:time|year)\b"
    r"|happy (?:watching|learning|building)"
    r"|(?:all|each|every one) of (?:these|the) (?:sessions|talks|recordings|videos)"
    r"|(?:the )?(?:recordings|videos|slides) of (?:all|these|the) (?:sessions|talks)"
    r"|which (?:session|talk) (?:was|is|did|do|would) you"
    r"|(?:subscribe|sign up|follow) (?:to |for |us|me)\b"
    r"|(?:(?:let|tell) (?:us|me)(?: know)?|get in touch|reach out|contact us)\b.{0,60}\b(?:"
    r"comments?|us|help|team|today|questions?)\b"
    r")",
    re.IGNORECASE,
)


def is_site_line(text: str) -> bool:
    """Whether it is a short line of a site's own, such as "Share this post"."""
    bare = re.sub(r"^[^\w#]+", "", text)
    return len(bare.split()) <= _MAX_WORDS and _LINE.fullmatch(bare) is not None


def is_edge_heading(text: str) -> bool:
    """Whether such a heading opens what stands before, after or beside an article's sessions."""
    return _EDGE.fullmatch(text) is not None


def is_of_others(text: str) -> bool:
    """Whether such a heading opens a list of other articles, or what readers answered."""
    return _OF_OTHERS.fullmatch(text) is not None


def is_sources_heading(text: str) -> bool:
    """Whether such a heading opens an article's list of sources, if it stands as high as others."""
    return _SOURCES.fullmatch(text) is not None


def is_inner_heading(text: str) -> bool:
    """Whether such a heading stands within a session, such as "Key takeaways"."""
    return _INNER.fullmatch(text) is not None


def is_closing(text: str) -> bool:
    """Whether a paragraph speaks of the whole article, or to its reader, at the end of it."""
    return _CLOSING.search(text) is not None
