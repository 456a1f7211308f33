"""What a scenario says when its fields are taken together: how much is sent, and what no kernel or no model can have.

Source: Linux 6.12 net/ipv4/tcp.c: tcp_xmit_size_goal; include/net/tcp.h: tcp_bound_to_half_wnd; net/core/sock.c:
sk_dst_gso_max_size.
"""

from collections.abc import Iterator

from splicelab.kernel.tcp_output import GSO_MAX_BYTES
from splicelab.kernel.world import GSO_MAX_SEGS, MSG_ZEROCOPY, PAGE_SIZE, UNKNOWN_WINDOW

MAX_BYTES = 4 << 20  # of one message, and of the file that sendfile and splice read: what the model's memory holds
MAX_PINNED_BYTES = 5 << 20
BIG_GSO_BYTES = 8 * GSO_MAX_SEGS - 321  # GSO_MAX_SIZE less MAX_TCP_HEADER + 1: the largest skb of any device
IPV6_HEADERS_BYTES, TIMESTAMP_BYTES = 60, 12
TCP_MSS_DEFAULT = 536


def find_impossible(scenario) -> Iterator[tuple[str, str]]:
    """Yield what contradicts something else in a connection, or is more than the model holds, as (field, why)."""
    first_goals = scenario.messages[0].goals
    if not first_goals or first_goals[0][:2] != (0, 0):
        yield "messages[0].goals", "must begin with [0, 0, mss, size_goal], in force before the first call"
    for place, message in enumerate(scenario.messages):
        where = f"messages[{place}]."
        sizes = [call_bytes(call, scenario.file_size) for call in message.calls]
        if sum(sizes) > MAX_BYTES:
            yield f"{where}calls", f"{sum(sizes)} bytes in one message, more than {MAX_BYTES}"
        for number, call in enumerate(message.calls):
            end = max((start + length for kind, start, length in pieces_of(call) if kind == "file"), default=0)
            if scenario.file_size is None and end > MAX_BYTES:
                yield f"{where}calls[{number}]", f"reads up to byte {end} of a file; the model's file has {MAX_BYTES}"
            if is_pinned(scenario, call):
                if scenario.zerocopy is None:
                    yield "zerocopy", f"missing, and {where}calls[{number}] carries MSG_ZEROCOPY"
                elif len(call[1]) > len(scenario.zerocopy.offsets):
                    yield f"{where}calls[{number}][1]", "more segments than zerocopy.offsets says places of"
                elif max(pin(call[1], scenario.zerocopy)[1:]) > MAX_PINNED_BYTES:
                    yield f"{where}calls[{number}][1]", f"pins more than {MAX_PINNED_BYTES} bytes of whole folios"
        for number, (_, _, acked_bytes) in enumerate(message.acks):
            if acked_bytes > sum(sizes):
                yield f"{where}acks[{number}][2]", f"{acked_bytes} bytes of a message of {sum(sizes)}"
        max_window = message.max_window or scenario.max_window
        for number, (_, _, mss, size_goal) in enumerate(message.goals):
            if why := _why_no_goal(scenario, mss, size_goal, max_window):
                yield f"{where}goals[{number}][3]", f"no kernel has a size goal of {size_goal} here: {why}"


def _why_no_goal(scenario, mss: int, size_goal: int, max_window: int | None) -> str:
    """Say why a size goal is impossible, or nothing."""
    if size_goal % mss:
        return f"it is a multiple of the MSS, {mss}"
    if size_goal > max(BIG_GSO_BYTES, mss) or size_goal > GSO_MAX_SEGS * mss:
        return f"no device takes an skb of more than {BIG_GSO_BYTES} bytes or {GSO_MAX_SEGS} segments"
    if size_goal > max(GSO_MAX_BYTES, mss) and scenario.kernel == "6.1" and mss > scenario.mtu - IPV6_HEADERS_BYTES:
        return f"with IPv4 (no IPv6 segment is that long) more than {GSO_MAX_BYTES} bytes came with 6.3"
    if max_window and size_goal > max(max_window >> 1, mss, TCP_MSS_DEFAULT):
        return f"max_window is {max_window}, and half of it is the limit"
    return ""


def half_window(mtu: int, mss: int, size_goal: int) -> int:
    """Return the most that half of the largest window can be, in bytes, by a size goal: the unknown is not reached.

    It bounds the goal, in whole segments, where that is below what GSO allows; and it is the MSS where GSO allows one
    segment that is shorter than the MTU would have it.
    """
    if size_goal + mss <= GSO_MAX_BYTES:
        return size_goal + mss - 1
    is_all_of_mtu = mss + IPV6_HEADERS_BYTES + TIMESTAMP_BYTES >= min(mtu, 0xFFFF)
    return UNKNOWN_WINDOW if size_goal > mss or is_all_of_mtu else size_goal


def is_pinned(scenario, call: tuple) -> bool:
    """Return whether a call sends by MSG_ZEROCOPY, on a socket that asked for it with SO_ZEROCOPY."""
    return call[0] == "sendmsg" and call[2] & MSG_ZEROCOPY != 0 and scenario.so_zerocopy != 0


def pin(sizes: list[int], zerocopy) -> tuple[list[tuple[bool, int]], int, int]:
    """Lay out what MSG_ZEROCOPY pins: for each segment whether it is payload, and where in its run of memory it begins.

    No two segments are neighbours within a folio, and one that would cross into the next folio begins there.

    Then the bytes of both runs: of 4 KiB pages, and of the payload's folios.
    """
    places, ends = [], [0, 0]
    for number, size_bytes in enumerate(sizes):
        is_payload = len(sizes) == 1 or 0 < number < max(len(sizes) - 1, 2)
        folio_bytes = zerocopy.payload_folio if is_payload else PAGE_SIZE
        offset = zerocopy.offsets[number if len(sizes) > 1 else min(1, len(zerocopy.offsets) - 1)]
        end = ends[is_payload]
        start = -(-end // PAGE_SIZE) * PAGE_SIZE + (PAGE_SIZE if 0 < end and folio_bytes > PAGE_SIZE else 0)
        if start // folio_bytes != (start + offset + size_bytes - 1) // folio_bytes:
            start = -(-end // folio_bytes) * folio_bytes
        places.append((is_payload, start + offset))
        ends[is_payload] = start + offset + size_bytes
    return places, *ends


def pieces_of(call: tuple) -> list[tuple[str, int, int]]:
    """Return the pieces of memory that a call of `Message.calls` sends, as (kind, offset, bytes)."""
    if call[0] == "sendmsg":
        return [("user", 0, size_bytes) for size_bytes in call[1]]
    return call[1] if call[0] == "splice" else [("file", *call[1:])] if call[0] == "sendfile" else []


def there_bytes(kind: str, offset: int, size_bytes: int, file_size: int | None) -> int:
    """Return how many bytes of a piece there are: a file may end before."""
    return size_bytes if kind != "file" or file_size is None else min(size_bytes, max(file_size - offset, 0))


def call_bytes(call: tuple, file_size: int | None = None) -> int:
    """Return how many bytes a call of `Message.calls` sends."""
    return sum(there_bytes(*piece, file_size) for piece in pieces_of(call))
