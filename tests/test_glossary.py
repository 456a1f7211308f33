"""The glossary: every term is drawn from a model that has done the thing, and its numbers are the kernel's."""

import legible
import pytest

from splicelab.show.glossary import memory, message, movement, words

SAID = {  # what a reader can look up in the kernel's sources
    "page": "references: 1; with one taken by a queue: 2",
    "folio": "counted on the head, page 8: 2",
    "slab object": "48 bytes gets 64",
    "page fragment": "a folio of 32768 bytes, 32769 references paid in advance, 2 in use",
    "bio_vec": "an array of 3",
    "frag": "holds a reference",
    "skb": "4116 bytes in 3 of 17 slots",
    "truesize": "charged: 5076 bytes; kept from being freed: 36864 bytes",  # 960 + 4116; a folio of 8 pages and a page
    "splice": "bytes copied: 0; by a sendmsg of the same message: 4148",
    "push": "skbs that leave: 1; without it: 3",
}
GROUPS = {"memory": memory, "message": message, "movement": movement}


def test_every_term_says_the_kernel_s_numbers():
    strips = [strip for group in GROUPS.values() for strip in group()]
    assert [strip.term for strip in strips] == list(SAID)
    assert [strip.term for strip in strips if SAID[strip.term] not in strip.sentence] == []


@pytest.mark.parametrize("group", GROUPS)
def test_the_pictures_are_legible_and_repeatable(group):
    picture = words(group)
    legible.assert_legible(picture.figure)
    drawn = {text.get_text() for text, _ in legible.words(picture.figure)}
    boxes = [box for strip in GROUPS[group]() for box in strip.boxes]
    assert {said for *_, said in boxes if said} <= drawn, "every box has room for its words"
    assert picture._repr_mimebundle_() == words(group)._repr_mimebundle_()


def test_fragments_lie_where_the_kernel_cuts_them_and_a_freed_object_is_handed_out_next():
    slab, fragments = memory()[2:]
    assert slab.boxes[1][2] == "object was B, now D"
    assert [words for *_, words in fragments.boxes[1:]] == ["48 bytes at 32648", "72 bytes at 32696"]
