"""Predict what a kernel counts for a scenario: the model of the send path, run call for call.

Windows and ACKs are inputs of a scenario; everything else follows from the kernel's rules in ``splicelab.kernel``.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from splicelab.errors import InputError
from splicelab.evidence.counted.run import open_world
from splicelab.evidence.counted.scenarios import MAX_BYTES, SPLICE_FLAGS, Message, Scenario, call_bytes, read_scenarios
from splicelab.kernel import world as kernel
from splicelab.kernel.frag import TASK_FRAG
from splicelab.kernel.iov import iov_add, iov_begin
from splicelab.kernel.memory import FRAGMENT, PAGE_CACHE, USER, alloc_pages, alloc_run
from splicelab.kernel.pipe import pipe_begin, pipe_drain, pipe_fill, sendfile
from splicelab.kernel.tcp import sendmsg, set_cork
from splicelab.kernel.tcp_input import finish, read_all, start_schedule
from splicelab.kernel.world import PAGE_SIZE
from splicelab.result import Result

EXPECTED = (
    *("sendmsg", "sendmsg_bytes", "sendpages", "sendpages_bytes", "sendpages_notlast", "spliced_bytes"),
    *("frag_appends", "copies", "copied_bytes", "refills", "refill_newpage", "stream_alloc", "tcp_push"),
)
RUN_BYTES = MAX_BYTES + 4 * PAGE_SIZE  # with room for an offset in the first page of each segment
FILE_CHUNK_BYTES = 512 << 10


class Sender:
    """One connection of a user program on a model kernel: its buffers, a file in the page cache, a task fragment."""

    def __init__(self, scenario: Scenario):
        self.world = w = open_world(scenario.kernel)
        w.sock[0].nonagle = kernel.NAGLE_OFF | kernel.NAGLE_PUSH if scenario.nodelay else 0
        w.sock[0].receiver_shares_pages = 1
        self.file = alloc_run(w, RUN_BYTES, 0, PAGE_CACHE)
        self.user = alloc_run(w, RUN_BYTES, 0, USER)
        if scenario.zerocopy is not None:
            folio_pages = scenario.zerocopy.payload_folio // PAGE_SIZE
            self.payload = alloc_run(w, MAX_BYTES, folio_pages.bit_length() - 1, USER)
            self.offsets = scenario.zerocopy.offsets
        if scenario.task_frag is not None:
            cache = w.frag_cache[TASK_FRAG]
            cache.offset, cache.size_bytes = scenario.task_frag.offset, scenario.task_frag.size
            cache.page = alloc_pages(w, 3 if cache.size_bytes > PAGE_SIZE else 0, FRAGMENT)
            w.page[cache.page].refcount = scenario.task_frag.refcount

    def run(self, message: Message, look=None, where: str = "") -> dict:
        """Send one message and return its counters, and the skbs that left as [len, truesize, nr_frags].

        ``look(w)`` sees the queue when all calls have returned and the receiver has not read yet. InputError, its
        place first, for a message that needs more skbs, transmissions or memory than the model has.
        """
        w = self.world
        first_byte = w.sock[0].write_seq
        start_schedule(w, message.cwnd, len(message.goals), len(message.acks))
        for row, goal in enumerate(message.goals):
            w.goal[row] = goal
        for row, (call, flush, acked_bytes) in enumerate(message.acks):
            w.ack[row] = (call, flush, first_byte + acked_bytes)
        kernel.reset_tally(w)
        for call in message.calls:
            getattr(self, call[0])(*call[1:])
            if message.receiver_reads == "after_each_call":
                read_all(w)
        if look is not None:
            look(w)
        finish(w)
        tally = w.tally[0]
        sent_bytes = w.sock[0].write_seq - first_byte
        if tally.exhausted or w.transmitted > kernel.SCHEDULE or sent_bytes != sum(map(call_bytes, message.calls)):
            raise InputError(f"{where}more skbs or memory in flight than the model holds")
        counters = {name: int(tally[name]) for name in EXPECTED}
        return counters | {"skbs": w.transmit[: w.transmitted].tolist()}

    def sendmsg(self, sizes: list[int], flags: int) -> None:
        """One sendmsg of a user program; what is pinned for kernel.MSG_ZEROCOPY has its recorded place in pages."""
        w, address = self.world, self.user
        iov_begin(w)
        for number, size_bytes in enumerate(sizes):
            if flags & kernel.MSG_ZEROCOPY:
                part = number if len(sizes) > 1 else 1
                address = (self.payload if part == 1 else self.user + part * PAGE_SIZE) + self.offsets[part]
            iov_add(w, address, size_bytes)
            address += size_bytes
        sendmsg(w, flags & (kernel.MSG_MORE | kernel.MSG_ZEROCOPY | kernel.MSG_EOR))

    def sendfile(self, offset: int, size_bytes: int) -> None:
        """Send part of the file through the task's own pipe."""
        sendfile(self.world, self.file + offset, size_bytes, False)

    def splice(self, pieces: list[tuple], flags: int) -> None:
        """Fill one large pipe and splice it out; more than 512 KiB of file goes in rounds that announce MORE."""
        w, address, filled = self.world, self.user + MAX_BYTES // 2, 0  # in no page that MSG_ZEROCOPY pins
        pipe_begin(w)
        for kind, offset, size_bytes in pieces:
            if kind == "vmsplice":
                filled += pipe_fill(w, address + offset, size_bytes, kernel.PIPE_BUFFERS)
                address += (offset + size_bytes + PAGE_SIZE - 1) // PAGE_SIZE * PAGE_SIZE
                continue
            for start in range(0, size_bytes, FILE_CHUNK_BYTES):
                if start:
                    pipe_drain(w, filled, True)
                    filled = 0
                chunk_bytes = min(FILE_CHUNK_BYTES, size_bytes - start)
                filled += pipe_fill(w, self.file + offset + start, chunk_bytes, kernel.PIPE_BUFFERS)
        pipe_drain(w, filled, bool(flags & SPLICE_FLAGS["SPLICE_F_MORE"]))

    def cork(self, is_on: int) -> None:
        """Put the cork in, or pull it and let out what waited."""
        set_cork(self.world, bool(is_on))


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
    sender, messages = Sender(scenario), []
    for place, message in enumerate(scenario.messages):
        messages.append(sender.run(message, where=f"{where}messages[{place}]: "))
    return {"id": scenario.id, "messages": messages}


def predict_file(path: str | Path) -> list[str]:
    """Return one line of JSON per connection of a scenario file; an InputError begins with file and line."""
    return [json.dumps(predict_one(one, f"{where}: "), separators=(",", ":")) for where, one in read_scenarios(path)]
