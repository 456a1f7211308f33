"""A fresh model machine for a test, memory to send from, and what stands in its queue."""

import functools

import numpy as np

from splicelab.kernel import world as kernel
from splicelab.kernel.iov import iov_add, iov_begin
from splicelab.kernel.memory import PAGE_CACHE, alloc_pages
from splicelab.kernel.profiles import use_profile
from splicelab.kernel.tcp import sendmsg

PAGE = kernel.PAGE_SIZE
the_world = functools.cache(kernel.new_world)


def fresh(profile="6.12", window=0, mss=1448, size_goal=65160):
    """Return the machine, empty, on this kernel; its socket sends nothing while the window is shut."""
    w = the_world()
    kernel.reset(w)
    use_profile(w, profile)
    w.moves_bytes = 1
    sk = w.sock[0]
    sk.cwnd, sk.mss, sk.size_goal, sk.half_window = window, mss, size_goal, size_goal
    return w


def buffer(w, size_bytes, kind=PAGE_CACHE, seed=0):
    """Return the address of new pages, filled with bytes that do not repeat soon."""
    address = alloc_pages(w, max(size_bytes - 1, 0).bit_length() - 12 if size_bytes > PAGE else 0, kind) * PAGE
    fill(w, address, size_bytes, seed)
    return address


def fill(w, address, size_bytes, seed=0):
    """Write bytes that differ from those of another seed in every position."""
    w.arena[address : address + size_bytes] = (np.arange(size_bytes) * 7 // 3 + seed * 89 + 1) & 0xFF


def memory(w, address, size_bytes):
    """Return what stands in memory now."""
    return w.arena[address : address + size_bytes].tobytes()


def received(w, start=0, stop=None):
    """Return what the receiver has of the stream."""
    return w.received[start : w.sock[0].snd_nxt if stop is None else stop].tobytes()


def send(w, *segments, flags=0):
    """Send segments (address, bytes) in one sendmsg; return what it returns."""
    iov_begin(w)
    for address, size_bytes in segments:
        iov_add(w, address, size_bytes)
    return sendmsg(w, flags)


def skbs(w):
    """Return the indices of all skbs of the socket, the oldest first."""
    found, index = [], w.sock[0].read_head
    while index != kernel.NONE:
        found.append(int(index))
        index = w.skb[index].next
    return found


def frags(w, index):
    """Return the fragments of an skb as (page, offset, bytes)."""
    rows = w.frag[index, : w.skb[index].nr_frags]
    return [(int(row.page), int(row.offset), int(row.size_bytes)) for row in rows]


def queue(w):
    """Return the fragments of every skb of the socket."""
    return [frags(w, index) for index in skbs(w)]


def lengths(w):
    """Return the length of every skb of the socket."""
    return [int(w.skb[index].len) for index in skbs(w)]


def refcount(w, page):
    """Return the references on a page, those of its compound head (the kernel's page_count)."""
    return int(w.page[w.page[page].head].refcount)


def sent(w):
    """Return the skbs that left, as (bytes, truesize, fragments)."""
    return [tuple(row) for row in w.transmit[: w.transmitted].tolist()]


def counted(w, *names):
    """Return counters by name."""
    return tuple(int(w.tally[0][name]) for name in names)
