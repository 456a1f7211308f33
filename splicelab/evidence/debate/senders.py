"""Senders to decide for: one that is described, and those of the table as they were when the thread was written."""

import inspect

from pydantic import ValidationError

from splicelab.callers import Caller, load_callers
from splicelab.errors import InputError, one_of
from splicelab.evidence.counted.run import pick_caller
from splicelab.tables import Whole, checked, first_error


@checked
def sender(
    header_bytes: Whole = 48, header_owner: str = "slab", header_fate: str = "freed", trailer_bytes: Whole = 0
) -> Caller:
    """Return a caller that is in no table: header with MORE, payload page by page, trailer, as most send on 6.12.

    The trailer lies where the header does. InputError for a size, an owner or a fate that there is not.
    """
    ends = "splice:payload*:MORE copy:trailer:-" if trailer_bytes else "splice:payload*:MORE;-"
    sends = " ".join(["copy:header:MORE"] * (header_bytes > 0) + [ends])
    row = {"key": "yours", "name": "described", "source": "described", "note": "", "message_bytes_max": ""}
    row |= {"header_bytes": header_bytes, "header_fate": header_fate}
    row |= dict.fromkeys(("header_owner_6_1", "header_owner_6_12"), header_owner if header_bytes else "none")
    row |= dict.fromkeys(("trailer_bytes", "trailer_bytes_min", "trailer_bytes_max"), trailer_bytes)
    row |= {"trailer_owner": header_owner if trailer_bytes else "none", "sends_6_1": sends, "sends_6_12": sends}
    row |= {"copied_below_bytes": 0, "inline_below_bytes": 0, "pads": False}
    try:
        return Caller.model_validate(load_callers()["siw"].model_dump() | row)
    except ValidationError as error:
        raise InputError(first_error(error)) from None


def find_sender(caller: str | Caller | dict, as_of_6_1: bool = False) -> Caller:
    """Return a caller by its key, as it is, or described by arguments of `sender`; as in 6.1 where that is asked."""
    if isinstance(caller, dict):
        for name in caller:
            one_of("caller", name, inspect.signature(sender).parameters)
        caller = sender(**caller)
    return as_in_6_1(pick_caller(caller)) if as_of_6_1 else pick_caller(caller)


def as_in_6_1(caller: Caller) -> Caller:
    """Return a caller with its memory and calls as in 6.1, when the thread was written; only sendpage is spliced."""
    sends = caller.sends_6_1.replace("sendpage", "splice").replace("MORE|NOTLAST", "MORE").replace("NOTLAST", "MORE")
    update = {"header_owner_6_12": caller.header_owner_6_1, "head_bytes_6_12": caller.head_bytes_6_1}
    return caller.model_copy(update=update | {"sends_6_12": sends, "asks_6_12": caller.asks_6_1})
