"""splicelab: where should slab data be copied for sendmsg(MSG_SPLICE_PAGES)? Read, tweak, measure, decide."""

__version__ = "0.1.0"
