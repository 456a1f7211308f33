"""Predict what a kernel counts for a scenario: the model of the send path, run call for call.

Windows and ACKs are inputs of a scenario; everything else follows from the kernel's rules in ``splicelab.kernel``.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from splicelab.errors import InputError
from splicelab.evidence.counted.limits import MAX_BYTES, call_bytes, half_window, is_pinned, pin, there_bytes
from splicelab.evidence.counted.run import open_world
from splicelab.evidence.counted.scenarios import SPLICE_FLAGS, Message, Scenario, read_scenarios
from splicelab.kernel import world as kernel
from splicelab.kernel.frag import TASK_FRAG
from splicelab.kernel.iov import iov_add, iov_begin
from splicelab.kernel.memory import FRAGMENT, PAGE_CACHE, USER, alloc_block, alloc_pages, alloc_run, put_page
from splicelab.kernel.pipe import pipe_add, pipe_begin, pipe_drain, pipe_fill, sendfile
from splicelab.kernel.tcp import sendmsg, set_cork, set_nodelay
from splicelab.kernel.tcp_input import find_release, finish, read_all, start_schedule
from splicelab.kernel.world import PAGE_SIZE
from splicelab.result import Result

EXPECTED = kernel.COUNTERS[: kernel.COUNTERS.index("sends")]  # those of calls into TCP, which recordings count too
RUN_BYTES = MAX_BYTES + 4 * PAGE_SIZE  # with room for an offset in the first page of each segment
FILE_CHUNK_BYTES = 512 << 10
RELEASED_BY = (None, "ack", "timer")


class Sender:
    """One connection of a user program on a model kernel: its buffers, a file in the page cache, a task fragment."""

    def __init__(self, scenario: Scenario):
        self.world = w = open_world(scenario.kernel)
        self.scenario, self.half_window, self.max_window = scenario, 0, scenario.max_window
        w.sock[0].nonagle = kernel.NAGLE_OFF | kernel.NAGLE_PUSH if scenario.nodelay else 0
        w.sock[0].receiver_shares_pages = 1
        if scenario.zerocopy is not None:
            sends = (call for message in scenario.messages for call in message.calls if is_pinned(scenario, call))
            payload_bytes = max((pin(call[1], scenario.zerocopy)[2] for call in sends), default=0)
            folio_pages = scenario.zerocopy.payload_folio // PAGE_SIZE
            self.payload = alloc_run(w, max(payload_bytes, 1), folio_pages.bit_length() - 1, USER)
        self.file = alloc_run(w, MAX_BYTES, 0, PAGE_CACHE)
        self.user = alloc_run(w, RUN_BYTES, 0, USER)
        if scenario.task_frag is not None:
            cache = w.frag_cache[TASK_FRAG]
            cache.offset, cache.size_bytes = scenario.task_frag.offset, scenario.task_frag.size
            cache.page = alloc_pages(w, 3 if cache.size_bytes > PAGE_SIZE else 0, FRAGMENT)
            w.page[cache.page].refcount = scenario.task_frag.refcount

    def run(self, message: Message, look=None, where: str = "") -> dict:
        """Send one message and return its counters, and the skbs that left as [len, truesize, nr_frags].

        ``unsent_bytes`` are those that the queue still held when the last call had returned and the ACKs given for
        that moment were processed; ``released_by`` says what they wait for: None, "ack" (Nagle, the window) or "timer"
        (MORE, a cork, if nothing more is sent; an ACK of earlier data may let go of what MORE holds before that).
        ``look(w)`` sees the queue when all calls have returned and the receiver has not read yet. InputError, its
        place first, for a message that needs more skbs, transmissions or memory than the model has.
        """
        w = self.world
        first_byte = w.sock[0].write_seq
        start_schedule(w, message.cwnd, len(message.goals), len(message.acks))
        self.max_window = message.max_window or self.max_window
        for row, (call, flush, mss, size_goal) in enumerate(message.goals):
            self.half_window = max(self.half_window, half_window(self.scenario.mtu, mss, size_goal))
            half_bytes = self.max_window >> 1 if self.max_window else self.half_window
            w.goal[row] = (call, flush, mss, size_goal, half_bytes)
        w.sock[0].max_segments = message.max_segments or kernel.GSO_MAX_SEGS
        for row, (call, flush, acked_bytes) in enumerate(message.acks):
            w.ack[row] = (call, flush, first_byte + acked_bytes)
        kernel.reset_tally(w)
        for call in message.calls:
            w.sock[0].waited_calls, call_seq = kernel.NONE, w.sock[0].write_seq
            getattr(self, call[0])(*call[1:])
            if message.receiver_reads == "after_each_call":
                read_all(w)
        if look is not None:
            look(w)
        waited = {"released_by": RELEASED_BY[find_release(w, call_seq)], "unsent_bytes": int(w.sock[0].waited_bytes)}
        finish(w)
        tally = w.tally[0]
        sent_bytes = w.sock[0].write_seq - first_byte
        all_bytes = sum(call_bytes(call, self.scenario.file_size) for call in message.calls)
        if tally.exhausted or w.transmitted > kernel.SCHEDULE or sent_bytes != all_bytes:
            raise InputError(f"{where}more skbs or memory in flight than the model holds")
        counters = {name: int(tally[name]) for name in EXPECTED}
        return counters | {"skbs": w.transmit[: w.transmitted].tolist()} | waited

    def sendmsg(self, sizes: list[int], flags: int) -> None:
        """One sendmsg of a user program; what is pinned for kernel.MSG_ZEROCOPY has its recorded place in pages."""
        w, address = self.world, self.user
        flags &= kernel.MSG_MORE | kernel.MSG_EOR | kernel.MSG_ZEROCOPY * self.scenario.so_zerocopy
        places = pin(sizes, self.scenario.zerocopy)[0] if flags & kernel.MSG_ZEROCOPY else ()
        iov_begin(w)
        for number, size_bytes in enumerate(sizes):
            if places:
                is_payload, place = places[number]
                address = (self.payload if is_payload else self.user) + place
            iov_add(w, address, size_bytes)
            address += size_bytes
        sendmsg(w, flags)

    def sendfile(self, offset: int, size_bytes: int) -> None:
        """Send part of the file through the task's own pipe."""
        file_bytes = there_bytes("file", offset, MAX_BYTES, self.scenario.file_size)
        sendfile(self.world, self.file + offset, size_bytes, file_bytes)

    def splice(self, pieces: list[tuple], flags: int) -> None:
        """Fill one large pipe and splice it out; more than 512 KiB of file goes in rounds that announce MORE."""
        w, address, filled = self.world, self.user + MAX_BYTES // 2, 0  # in no page that MSG_ZEROCOPY pins
        received = []
        pipe_begin(w)
        for kind, offset, size_bytes in pieces:
            if kind == "socket":
                block = alloc_block(w, offset + max(size_bytes, 1), FRAGMENT)
                if block != kernel.NONE:
                    filled += pipe_add(w, block + offset, size_bytes)
                    received.append(block)
            elif kind == "vmsplice":
                filled += pipe_fill(w, address + offset, size_bytes, kernel.PIPE_BUFFERS)
                address += (offset + size_bytes + PAGE_SIZE - 1) // PAGE_SIZE * PAGE_SIZE
            for start in range(0, size_bytes if kind == "file" else 0, FILE_CHUNK_BYTES):
                if start:
                    pipe_drain(w, filled, True)
                    filled = 0
                chunk_bytes = min(FILE_CHUNK_BYTES, size_bytes - start)
                chunk_bytes = there_bytes(kind, offset + start, chunk_bytes, self.scenario.file_size)
                filled += pipe_fill(w, self.file + offset + start, chunk_bytes, kernel.PIPE_BUFFERS)
                if chunk_bytes == 0:
                    break
        pipe_drain(w, filled, bool(flags & SPLICE_FLAGS["SPLICE_F_MORE"]))
        for block in received:  # the pipe lets go; what is queued holds references of its own
            put_page(w, block // PAGE_SIZE)

    def cork(self, is_on: int) -> None:
        """Put the cork in, or pull it and let out what waited."""
        set_cork(self.world, bool(is_on))

    def nodelay(self, is_on: int) -> None:
        """Set or clear TCP_NODELAY."""
        set_nodelay(self.world, bool(is_on))


class Prediction(Result, list):
    """For each connection its id and its messages, each with every counter and its skbs [len, truesize, nr_frags]."""

    @property
    def text(self) -> str:
        """How much was predicted."""
        return f"predicted: {len(self)} connections, {sum(len(one['messages']) for one in self)} messages"

    @property
    def table(self):
        """A row for each message."""
        import pandas as pd  # late: the command line needs no table

        rows = {(one["id"], place): counts for one in self for place, counts in enumerate(one["messages"])}
        return pd.DataFrame.from_dict(rows, "index").rename_axis(["id", "message"])


def predict(scenarios: Iterable[Scenario]) -> Prediction:
    """Predict what a kernel counts for connections: scenarios, as they are read or as `recordings` has them.

    Examples
    --------
    >>> from splicelab import observe, predict
    >>> predict([observe("one splice").scenario])[0]["messages"][0]["spliced_bytes"]
    4148
    """
    return Prediction(predict_one(scenario) for scenario in scenarios)


def predict_one(scenario: Scenario, where: str = "") -> dict:
    """Return the prediction for one connection; an InputError begins with ``where`` and the place of the message."""
    sender, sent = Sender(scenario), enumerate(scenario.messages)
    messages = [sender.run(message, where=f"{where}messages[{place}]: ") for place, message in sent]
    return {"id": scenario.id, "messages": messages}


def predict_file(path: str | Path) -> list[str]:
    """Return one line of JSON per connection of a scenario file; an InputError begins with file and line."""
    return [json.dumps(predict_one(one, f"{where}: "), separators=(",", ":")) for where, one in read_scenarios(path)]
