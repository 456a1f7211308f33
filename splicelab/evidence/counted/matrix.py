"""One array of segments for every kind of memory, flag and kernel: what becomes of it (claim C6), computed.

One sendmsg with the caller's own memory (copy_in_stack), every message lost once and sent again after the next one
was built, so that a reference to memory that changes shows in the receiver's bytes.
"""

from functools import cache
from itertools import product

import pandas as pd

from splicelab.callers import Caller, load_callers
from splicelab.errors import one_of
from splicelab.evidence.counted.run import run
from splicelab.kernel.message import OWNERS
from splicelab.kernel.profiles import PROFILES
from splicelab.result import Result
from splicelab.tables import Names, checked

MESSAGES = 3
# A stack mapped by vmalloc (Debian's kernels have it so) has no page that bvec_set_virt could find: a fact, not a run.
VMALLOC_STACK = "vmalloc'd stack"
NOT_EXPRESSIBLE = "not expressible"
KEPT = ("spliced", "copied", "slab copied, rest spliced")
FATES = {"fresh memory": "freed", "same memory again": "rewritten"}
WITHOUT = "no flag,\nor no SG"  # whatever the kernel
ORDER = {owner: place for place, owner in enumerate((*OWNERS, VMALLOC_STACK))}


class Matrix(Result):
    """Every combination, a row each.

    Columns: kernel, flag, scatter_gather, next_message (in fresh memory, or in the same memory again; stack and static
    data are always written again), header and trailer (who owns their memory), outcome, copied_bytes of 3 messages.
    """

    table: pd.DataFrame

    @property
    def text(self) -> str:
        """How many combinations there are, and how many of these are a fact, not a run."""
        facts = (self.table.outcome == NOT_EXPRESSIBLE).sum()
        return f"{len(self.table):,} combinations; {facts} of these cannot be expressed, the others were run"

    @property
    def promise(self) -> pd.DataFrame:
        """By kernel, with the flag and without: how many expressible combinations arrive as meant, and of how many."""
        asked = self.table[self.table.outcome != NOT_EXPRESSIBLE]
        asked = asked.assign(flag=asked.flag.map({True: "flag", False: "no flag"}))
        counts = pd.crosstab([asked.kernel, asked.flag], asked.outcome).reindex(dict.fromkeys(asked.kernel), level=0)
        return counts.assign(kept=counts[[end for end in KEPT if end in counts]].sum(axis=1), of=counts.sum(axis=1))

    @property
    def same_owner(self) -> pd.DataFrame:
        """The outcomes where header and trailer have one owner: by kernel, and where none splices."""
        by_owner = {"key": lambda owners: owners.map(ORDER), "kind": "stable"}
        same = self.table.query("header == trailer").sort_values("header", **by_owner)
        is_again = same.header.isin(("stack", "static", VMALLOC_STACK))  # always written again
        row = same.header.mask(~is_again, same.header + ", " + same.next_message)
        column = same.kernel.where(same.flag & same.scatter_gather, WITHOUT)
        order = sorted(column.unique(), key=lambda name: name != WITHOUT)
        found = same.groupby([row, column], sort=False).outcome.agg(lambda ends: "\n".join(ends.unique()))
        return found.unstack().loc[row.unique(), order]

    def by_piece(self, kernel: str) -> pd.DataFrame:
        """Return the outcomes on one kernel, spliced from fresh memory: owner of the header by owner of the trailer."""
        fresh = self.table.query("kernel == @kernel and flag and scatter_gather and next_message == 'fresh memory'")
        ends = fresh.pivot(index="header", columns="trailer", values="outcome")
        return ends.loc[fresh.header.unique(), fresh.trailer.unique()]


@checked
def matrix(kernels: Names = tuple(PROFILES), headers: Names = tuple(ORDER), trailers: Names = tuple(ORDER)) -> Matrix:
    """Send one array of segments from every kind of memory, with and without the flag, on every kernel.

    The message is that of iSCSI, 48 bytes, a page, 4 bytes; in large kmalloc they are the start of a larger object.
    InputError for an unknown kernel or owner.

    Examples
    --------
    >>> from splicelab import matrix
    >>> matrix(("6.12",), ("slab",), ("slab",)).table.outcome.tolist()[:4]
    ['refused (-EIO)', 'refused (-EIO)', 'copied', 'copied']
    """
    for owner in (*headers, *trailers):
        one_of("owner", owner, ORDER)
    iscsi = load_callers()["iscsi_tcp"].model_copy(update={"trailer_bytes": 4})
    names = ["kernel", "flag", "scatter_gather", "next_message", "header", "trailer"]
    cells = pd.DataFrame(product(kernels, (True, False), (True, False), FATES, headers, trailers), columns=names)
    ends = [_end(iscsi, cell) for cell in cells.itertuples(index=False)]
    return Matrix(cells.join(pd.DataFrame(ends, columns=["outcome", "copied_bytes"])))


@cache
def _end(caller: Caller, cell) -> tuple[str, int]:
    """Run one combination; return its outcome in the matrix's words, and the bytes copied."""
    owners = {"header": cell.header, "trailer": cell.trailer}
    if VMALLOC_STACK in owners.values():
        return NOT_EXPRESSIBLE, 0
    given = {"owners": owners, "fate": dict.fromkeys(owners, FATES[cell.next_message])}
    given |= {"flag": cell.flag, "scatter_gather": cell.scatter_gather, "ack_delay": 1, "lose_every": 1, "warm_up": 0}
    tally = run(caller, "copy_in_stack", cell.kernel, MESSAGES, **given)
    ended = {"corrupt bytes": "silently wrong", "short send": "short"}.get(tally.outcome, tally.outcome)
    if ended == "delivered":
        ended = "copied" if not tally.spliced_bytes else KEPT[2] if tally.copied_bytes else "spliced"
    return ended, tally.copied_bytes
