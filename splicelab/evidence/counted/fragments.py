"""The shoot-out of the fragment allocators, counted: what a stream of small pieces costs each of them.

The pieces of a message are cut, queued beside each other, and given back at its ACK. A lost message is ACKed one round
trip late, and so is all behind it. Slab objects are freed at the ACK too, as if somebody told their owner.
"""

from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field

from splicelab._jit import jit
from splicelab.errors import InputError, one_of, within
from splicelab.evidence.counted.run import open_world
from splicelab.kernel.frag import ALLOCATORS, drain_caches, frag_alloc, frag_free
from splicelab.kernel.memory import FRAGMENT, FREE, queue_ref, queue_unref
from splicelab.kernel.world import NONE, PAGE_SIZE, PAGES
from splicelab.result import Result
from splicelab.tables import Names, Whole, Wholes, checked

WINDOW_PAGES, MOST_PIECES = 8, 1_000_000
COUNTS = ("coalesced", "frag_slots", "failed", "held_peak_bytes", "held_bytes", "end")
COALESCED, SLOTS, FAILED, HELD_PEAK, HELD, END = range(len(COUNTS))


class Load(NamedTuple):
    """What is asked of an allocator: pieces of ``sizes_bytes`` a message, so many messages ``in_flight`` at a time.

    ``lose_every`` n: each n-th message is lost once; 0: none is. ``order3_fails``: there are only single pages.
    """

    sizes_bytes: tuple[Whole, ...] = (48,)
    in_flight: Whole = 1
    lose_every: Whole = 0
    order3_fails: bool = False
    messages: Whole = 10_000


class Filling(Result):
    """The eight pages from ``first_page`` around the newest piece; pieces are (address, bytes), the oldest first."""

    pieces: list[tuple[int, int]]
    acked: int
    first_page: int
    in_use: list[bool]
    held_bytes: int
    pinned_bytes: int
    fresh_pages: int
    refused: int

    @property
    def text(self) -> str:
        """How many pieces were cut, and what those in flight are charged for and pin."""
        in_flight = len(self.pieces) - self.acked
        cut = f"{len(self.pieces):,} pieces cut from {self.fresh_pages:,} fresh pages, {in_flight:,} in flight"
        refused = f"; {self.refused:,} pieces refused" if self.refused else ""
        return f"{cut}: charged {self.held_bytes:,} bytes, pinned {self.pinned_bytes:,} bytes{refused}"


class ShootOut(Result):
    """A row per allocator, and by allocator the offsets in bytes of the pieces that one block gives, in order.

    ``pinned_peak_bytes`` is what queued pieces keep from other use, ``held_peak_bytes`` what truesize charges for them.
    """

    table: pd.DataFrame
    offsets: dict[str, list[int]]


class PinnedMap(Result):
    """What stays pinned at the peak, in KiB: for each circumstance a row an allocator, a column a number in flight."""

    table: pd.DataFrame

    @property
    def text(self) -> str:
        """A table for each circumstance."""
        parts = self.table.astype(int).groupby("circumstance", sort=False)
        return "\n\n".join(f"KiB pinned, {title}:\n{part.droplevel(0).to_string()}" for title, part in parts)


@jit
def queue_piece(w, address, size_bytes, counted):
    """Attach a piece behind the one before, in as many frags as 6.12's splice makes of it."""
    coalesces = address == counted[END] and address % PAGE_SIZE != 0
    queue_ref(w, address // PAGE_SIZE)
    counted[COALESCED] += coalesces
    counted[SLOTS] += (address % PAGE_SIZE + size_bytes - 1) // PAGE_SIZE + 1 - coalesces
    counted[END] = address + size_bytes
    counted[HELD] += size_bytes
    counted[HELD_PEAK] = max(counted[HELD_PEAK], counted[HELD])


@jit
def release_message(w, allocator, sizes_bytes, addresses, counted):
    """Give a message's pieces back: its ACK has come."""
    for piece in range(len(sizes_bytes)):
        if addresses[piece] != NONE:
            queue_unref(w, addresses[piece] // PAGE_SIZE)
            frag_free(w, allocator, addresses[piece])
            counted[HELD] -= sizes_bytes[piece]


@jit
def send_pieces(w, allocator, sizes_bytes, load, address, due, counted):
    """Send messages, each after those whose ACK is due by then; return the oldest that still waits for its ACK."""
    in_flight, lose_every, messages = load
    oldest, rows, last_due = 0, len(due), 0
    for message in range(messages):
        while oldest < message and due[oldest % rows] <= message:
            release_message(w, allocator, sizes_bytes, address[oldest % rows], counted)
            oldest += 1
        if oldest == message:
            counted[END] = NONE  # nothing stands in the queue
        is_lost = lose_every != 0 and message % lose_every == lose_every - 1
        due[message % rows] = last_due = max(last_due, message + in_flight * (2 if is_lost else 1))
        for piece in range(len(sizes_bytes)):
            address[message % rows, piece] = frag_alloc(w, allocator, sizes_bytes[piece])
            if address[message % rows, piece] == NONE:
                counted[FAILED] += 1
            else:
                queue_piece(w, address[message % rows, piece], sizes_bytes[piece], counted)
    return oldest


def block_offsets(allocator: str, sizes_bytes: tuple[int, ...], order3_fails: bool = False) -> tuple[list[int], int]:
    """Return the offsets in bytes of the pieces that one block gives, first to last, and the block's size."""
    one_message = tuple(np.resize(sizes_bytes, WINDOW_PAGES * PAGE_SIZE // min(sizes_bytes)))
    *_, address, _, pages = _send(allocator, Load(one_message, order3_fails=order3_fails, messages=1), 1)
    starts = pages["head"][address[0] // PAGE_SIZE] * PAGE_SIZE
    is_of_block = np.logical_and.accumulate((starts == starts[0]) & (address[0] != NONE))
    return (address[0] - starts)[is_of_block].tolist(), PAGE_SIZE << int(pages["order"].max())


@checked
def shoot_out(sizes_bytes: Wholes = (48,), allocators: Names = ALLOCATORS, **load) -> ShootOut:
    """Compare allocators: what a block yields of the first size, and what a stream of pieces costs (see `Load`).

    Raises InputError for a load that the model cannot hold, RuntimeError where pages leak.

    Examples
    --------
    >>> from splicelab import shoot_out
    >>> shoot_out((4,), ("page_frag_down",), messages=1).offsets["page_frag_down"][:2]
    [32764, 32760]
    """
    load, rows, found = Load(sizes_bytes, **load), {}, {}
    for allocator in allocators:
        load = _check(allocator, load)
        found[allocator], block_bytes = block_offsets(allocator, sizes_bytes, load.order3_fails)
        pieces = len(block_offsets(allocator, sizes_bytes[:1], load.order3_fails)[0])
        row = {"block_bytes": block_bytes, "pieces_per_block": pieces}
        row["waste_percent"] = round(100 * (1 - pieces * sizes_bytes[0] / block_bytes), 1)
        counted, tally, *_ = _send(allocator, load, 2 * load.in_flight + 1)
        row |= dict(zip(COUNTS[:HELD], counted.tolist(), strict=False))
        rows[allocator] = row | {name: int(tally[name]) for name in ("new_pages", "pinned_peak_bytes")}
    return ShootOut(pd.DataFrame.from_dict(rows, orient="index").rename_axis("allocator"), found)


def fill(allocator: str, sizes_bytes: tuple[int, ...] = (48,), **load) -> Filling:
    """Look at the pages around the newest piece, when the last message of a load (see `Load`) has just been sent.

    Examples
    --------
    >>> from splicelab import fill
    >>> fill("page_frag_down", (72,), messages=2)
    2 pieces cut from 8 fresh pages, 1 in flight: charged 72 bytes, pinned 32,768 bytes
    """
    load = _check(allocator, Load(sizes_bytes, **load))
    counted, tally, address, oldest, pages = _send(allocator, load, load.messages)
    cut = [(a, size) for row in address.tolist() for a, size in zip(row, load.sizes_bytes, strict=True) if a != NONE]
    acked = len(cut) - int((address[oldest:] != NONE).sum())
    first_page = cut[-1][0] // PAGE_SIZE & -WINDOW_PAGES if cut else 0
    in_use = pages["kind"][pages["head"][first_page : first_page + WINDOW_PAGES]] != FREE
    numbers = counted[HELD], tally.pinned_bytes, tally.new_pages, counted[FAILED]
    return Filling(cut, acked, first_page, in_use.tolist(), *map(int, numbers))


@checked
def pinned(
    circumstances: Annotated[dict[str, dict], Field(min_length=1)],
    sizes_bytes: Wholes = (48, 4),
    in_flight: Wholes = (1, 4, 16, 64, 256),
) -> PinnedMap:
    """Count what stays pinned by each allocator, under circumstances with a name (fields of `Load`).

    Examples
    --------
    >>> from splicelab import pinned
    >>> pinned({"none lost": {"messages": 100}}, in_flight=(1, 4)).table.shape
    (6, 2)
    """
    tables = {
        title: pd.DataFrame(
            {n: shoot_out(sizes_bytes, in_flight=n, **load).table["pinned_peak_bytes"] / 1024 for n in in_flight}
        )
        for title, load in circumstances.items()
    }
    return PinnedMap(pd.concat(tables, names=["circumstance"]))


@checked
def _check(allocator: str, load: Load) -> Load:
    """Return a load; raise InputError for one that the model cannot hold, and for an allocator that is not known."""
    one_of("allocator", allocator, ALLOCATORS)
    if not load.sizes_bytes or not all(0 < size_bytes <= PAGE_SIZE for size_bytes in load.sizes_bytes):
        raise InputError(f"sizes: {load.sizes_bytes} bytes, not 1 to {PAGE_SIZE} each")
    within("in flight", load.in_flight, 1, PAGES // 4 // len(load.sizes_bytes), " messages")
    if min(load.lose_every, load.messages) < 0:
        raise InputError(f"lose_every, messages: {load.lose_every} and {load.messages}, not 0 or more")
    within("messages", load.messages, 0, MOST_PIECES // len(load.sizes_bytes))
    return load


def _send(allocator: str, load: Load, rows: int):
    """Run a load; return the counts, the tally, a ring of addresses, the oldest in flight, the pages, at its end."""
    w, key, sizes_bytes = open_world("6.12"), ALLOCATORS.index(allocator), np.array(load.sizes_bytes)
    w.fail_high_order = load.order3_fails
    address, due, counted = np.full((rows, len(sizes_bytes)), NONE), np.zeros(rows, int), np.zeros(len(COUNTS), int)
    limits = load.in_flight, load.lose_every, load.messages
    oldest = send_pieces(w, key, sizes_bytes, limits, address, due, counted)
    seen = counted.copy(), w.tally[0].copy(), address, oldest, w.page.copy()
    for message in range(oldest, load.messages):
        release_message(w, key, sizes_bytes, address[message % rows], counted)
    drain_caches(w)
    tally, left = w.tally[0], int((w.page["kind"] == FRAGMENT).sum())
    if counted[HELD] or left or tally.objects_in_use or tally.double_put:
        raise RuntimeError(f"{allocator}: {counted[HELD]} bytes and {left} pages left, {tally.double_put} put twice")
    return seen
