"""What becomes of a caller's message by the rules alone: a reading of the callers' rows that runs no kernel.

Each piece is copied, refused, or attached by reference; what is attached is stable, or will be written again.
"""

from itertools import groupby
from typing import NamedTuple

OLD = "6.1"
IN_PAGES = ("page", "page_frag")


class Fate(NamedTuple):
    """How a message ends: `refused`, `short` or `delivered`; and whether the queue shows memory that changes."""

    end: str
    is_stable: bool


def is_slab(owner, size_bytes):
    return owner == "slab" and size_bytes <= 8192


def is_mixed(owner, size_bytes):
    return owner == "page_then_slab" and size_bytes > 4096


def attach(owner, size_bytes, profile):
    """Return what sendmsg with MSG_SPLICE_PAGES does with a piece."""
    if is_slab(owner, size_bytes):
        return "copied" if profile == "6.12+v3" else "refused"
    if is_mixed(owner, size_bytes):
        return "attached" if profile == "6.12+v3" else "refused"
    is_frozen = owner in ("slab", "large_kmalloc") and profile == "6.17"
    return "refused" if is_frozen else "attached"


def is_asked_and_told(asks, parts, profile):
    """Return whether a caller's own question says that a call's pages, or its first one, may not be referenced."""
    for _, size_bytes, owner in parts if asks != "none" else ():
        is_wrong = attach(owner, size_bytes, "6.17" if profile == "6.17" else "6.12") == "refused"
        if is_wrong and not (asks == "first" and is_mixed(owner, size_bytes)):
            return True
        if asks == "first":
            return False
    return False


def pieces(send, caller, owners):
    """Yield the pieces of one call as (role, bytes, owner): a sendpage has one, a payload may be cut in units."""
    segments = send.segments
    if send.method == "sendpage":
        role, _, owner = segments[0]
        segments = [(role, sum(segment.size_bytes for segment in segments), owner)]
    for role, size_bytes, owner in segments:
        unit_bytes = caller.payload_unit_bytes or size_bytes
        owner = owners.get("trailer" if role == "pad" else role, owner)
        while size_bytes:
            part = min(size_bytes, unit_bytes) if role == "payload" else size_bytes
            yield role, part, owner
            size_bytes -= part
            owner = "slab" if owner == "page_then_slab" else owner  # what a range has behind its first piece


def will_change(caller, role, owner, size_bytes, fates):
    """Return whether a piece's memory shows something else while it may still be queued."""
    if owner in ("stack", "static"):
        return True  # the next message is built in the same place
    usual = "kept" if role in ("head", "payload") else caller.header_fate
    end = fates.get("trailer" if role == "pad" else role, usual)
    return end == "rewritten" or end == "freed" and is_slab(owner, size_bytes)


def fate(
    caller, alternative, profile, payload_bytes, trailer_bytes, owners, allocator, flag, scatter_gather, fates=None
):
    """Return the Fate of one message."""
    calls = []
    for send in caller.sends(profile, payload_bytes, trailer_bytes):
        parts = list(pieces(send, caller, owners))
        asks = caller.asks_6_1 if profile == OLD else caller.asks_6_12
        calls.append(("copy" if is_asked_and_told(asks, parts, profile) else send.method, parts))
    if alternative == "page_per_object":
        alternative, allocator = "fix_callers", "page_per_object"
    if alternative == "three_calls":
        parts = [piece for _, parts in calls for piece in parts]
        runs = [list(run) for _, run in groupby(parts, key=lambda piece: piece[0] == "payload")]
        splice = "copy" if profile == OLD else "splice"
        calls = [(splice if run[0][0] == "payload" else "copy", run) for run in runs]
    elif alternative not in ("piecewise", "kill_notlast"):
        method = "copy" if alternative == "plain_copy" or profile == OLD else "splice"
        calls = [(method, [piece for _, parts in calls for piece in parts])]
    took, is_stable = False, True
    for method, parts in calls:
        went, call_took = True, False
        for role, size_bytes, owner in parts:
            changes = will_change(caller, role, owner, size_bytes, fates or {})
            is_built_in_frag = alternative == "fix_callers" and role != "payload" and owner not in IN_PAGES
            if is_built_in_frag or alternative == "rewrite_helper" and is_slab(owner, size_bytes):
                owner, changes = ("slab" if allocator == "kmalloc" else "page_frag"), False
            waits = alternative in ("attach_callback", "copy_on_ref") and owner in ("slab", "large_kmalloc")
            changes = changes and not waits  # memory of its own for each message, freed by the callback
            how = "attached" if method == "sendpage" else "copied"
            if method == "splice" and flag:
                takes_slab = alternative in ("attach_callback", "copy_on_ref") and is_mixed(owner, size_bytes)
                takes_slab = takes_slab or waits and is_slab(owner, size_bytes)
                how = "attached" if takes_slab else attach(owner, size_bytes, profile)
            if not scatter_gather:
                how = "copied"
            went = went and how != "refused"
            call_took = call_took or how != "refused" or is_mixed(owner, size_bytes)  # its first page goes
            is_stable = is_stable and not (how == "attached" and changes)
            if how == "refused" and not call_took:
                break
        took = took or call_took
        if not went:
            return Fate("short" if took else "refused", is_stable and len(parts) == 1)
    return Fate("delivered", is_stable)
