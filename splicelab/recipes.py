"""How one message is sent, in words: `METHOD:PIECES:FLAGS` for each call; data/README.md has the grammar."""

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

_WORD = re.compile(r"(copy|sendpage|splice):((?:header|head|payload|pad|digest|trailer|[+])+)([*]?):([A-Z|~;-]+)")


class Segment(NamedTuple):
    """A run of bytes of one piece of a message (header, head, payload or trailer), and who owns the memory."""

    piece: str
    size_bytes: int
    owner: str


class Send(NamedTuple):
    """One call into TCP: copy (sendmsg), sendpage, or splice (sendmsg with MSG_SPLICE_PAGES); flags without MSG_."""

    method: str
    segments: list[Segment]
    flags: frozenset[str]


def read_words(recipe: str) -> list[tuple[str, list[str], str, list[list[str]]]]:
    """Split a recipe into (method, pieces, "*" or "", flags as [[while more follows, at the end], the last page's])."""
    words = []
    for word in recipe.split():
        if not (match := _WORD.fullmatch(word)):
            raise ValueError(f"{word!r} is not METHOD:PIECES:FLAGS")
        method, pieces, star, flags = match.groups()
        choices = [(part.split("~") * 2)[:2] for part in flags.split(";")]
        names = {flag for choice in choices for text in choice for flag in text.split("|")}
        if unknown := names - {"MORE", "EOR", "-"} - ({"NOTLAST"} if method == "sendpage" else set()):
            raise ValueError(f"{word!r}: unknown flag {' '.join(sorted(unknown))!r} of {method}")
        if len(choices) > 1 + bool(star) or star and "payload" not in pieces:
            raise ValueError(f"{word!r}: * and ; belong to payload alone")
        words.append((method, pieces.split("+"), star, choices))
    return words


Recipe = Annotated[str, Field(min_length=1), AfterValidator(lambda text: read_words(text) and text)]
