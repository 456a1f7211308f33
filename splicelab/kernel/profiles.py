"""Kernel versions as one table of named differences."""

from splicelab.errors import one_of
from splicelab.kernel.world import PROFILE

_SINCE_6_12 = {"has_splice_pages": 1, "has_splice_eof": 1, "grows_skbs": 1, "empty_skb_truesize": 960}
_SINCE_6_13 = {**_SINCE_6_12, "page_frag_upward": 1}
_SINCE_6_14 = {**_SINCE_6_13, "slab_pages_frozen": 1}

PROFILES = {
    "6.1": {"has_sendpage": 1, "empty_skb_truesize": 1280},  # before the thread: ->sendpage and MSG_SENDPAGE_NOTLAST
    "6.12": _SINCE_6_12,  # after the thread: sendmsg(MSG_SPLICE_PAGES), pages only
    "6.12+v3": {**_SINCE_6_12, "copies_slab": 1},  # counterfactual: with the slab copy of the v3 patch, never merged
    "6.13": _SINCE_6_13,  # page_frag_cache grows upward
    "6.14": _SINCE_6_14,  # slab pages have no reference count
    "6.17": {**_SINCE_6_14, "large_kmalloc_frozen": 1},  # large kmalloc pages have none either
}


def use_profile(world, key: str) -> None:
    """Let a world behave like a kernel version; raise InputError for one that is not in the table."""
    rules = PROFILES[one_of("profile", key, PROFILES)]
    for name in PROFILE.names:
        world.profile[0][name] = rules.get(name, 0)
