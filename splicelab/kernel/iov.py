"""The iterator of one send: segments of memory, walked front to back, with a way back for what found no room."""

from splicelab._jit import jit
from splicelab.kernel.memory import unsigned
from splicelab.kernel.world import PAGE_SIZE, SEGMENTS


@jit
def iov_begin(w):
    """Start a new, empty message."""
    w.iov_count = w.iov_index = w.iov_offset = w.iov_left = 0


@jit(forceinline=True)
def iov_add(w, address, size_bytes):
    """Append a segment of memory; an empty one is left out, one too many is an error of the run."""
    if w.iov_count == SEGMENTS:
        w.tally[0].exhausted += 1
    elif size_bytes > 0:
        segment = w.iov[unsigned(w.iov_count)]
        segment.address, segment.size_bytes = address, size_bytes
        w.iov_count += 1
        w.iov_left += size_bytes


@jit
def iov_advance(w, size_bytes):
    """Step over bytes of the current segment; a negative number steps back within it."""
    w.iov_offset += size_bytes
    w.iov_left -= size_bytes


@jit(forceinline=True)
def iov_take(w, size_bytes, pages):
    """Step over at most ``pages`` pages of the current segment; return their address and length.

    Source: Linux 6.12 lib/iov_iter.c: iov_iter_extract_bvec_pages (one extraction stays inside one bvec).
    """
    while w.iov_offset == w.iov[unsigned(w.iov_index)].size_bytes:
        w.iov_index += 1
        w.iov_offset = 0
    segment = w.iov[unsigned(w.iov_index)]
    address = segment.address + w.iov_offset
    count = min(size_bytes, segment.size_bytes - w.iov_offset, pages * PAGE_SIZE - address % PAGE_SIZE)
    iov_advance(w, count)
    return address, count
