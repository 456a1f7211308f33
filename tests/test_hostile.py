"""Searches at every door for a traceback, a crash, a hang, or nonsense that is taken; `make soak` tries 10,000 each."""

import contextlib
import io
import shutil

import pytest
from hostile import NUMBERS, PLAIN, VALUES, WORDS, Odd, is_sentence, many
from hypothesis import given, settings
from hypothesis import strategies as st

import splicelab
from splicelab import cli
from splicelab.alternatives import OWN, alternative
from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.scenarios import read_scenarios
from splicelab.evidence.debate import tables as debate_tables
from splicelab.evidence.recorded import recordings
from splicelab.paths import DATA
from splicelab.result import Result
from splicelab.tables import Column, read_rows, read_table

SIW = {"caller": "siw", "alternative": "copy_in_stack"}
SEND = {"payload_bytes": 4096, "trailer_bytes": None, "entry_bytes": 4096, "mtu": 65536, "ack_delay": 1}
SWITCHES = dict.fromkeys(("flag", "scatter_gather", "nodelay", "moves_bytes"), True)
SWITCHES |= dict.fromkeys(("loopback", "segments_in_software", "data_digest"), False)
OPTIONS = SEND | SWITCHES | {"allocator": "page_frag_down", "lose_every": 0, "owners": None, "fate": None}
LOAD = {"sizes_bytes": (48,), "in_flight": 1, "lose_every": 0, "order3_fails": False, "messages": 20}
ARGUMENTS = {  # of each public function, good ones; one or two of them are replaced
    "run": SIW | OPTIONS | {"profile": "6.12", "messages": 2, "warm_up": 1},
    "trace_message": SIW | {"profile": "6.12", "owners": {}, "payload_bytes": 4096, "lose_every": 1},
    "compare": {"caller": "siw", "alternatives": ("plain_copy",), "profile": "6.12", "chosen": "plain_copy"}
    | {key: SEND[key] for key in ("payload_bytes", "trailer_bytes", "entry_bytes", "mtu")}
    | {"header_digest": False, "page_offset_bytes": 0},
    "held_until_ack": {"caller": "siw", "header_bytes": 0},
    "fill": LOAD | {"allocator": "page_frag_down"},
    "shoot_out": LOAD | {"allocators": ("page_frag_down",)},
    "pinned": {"circumstances": {"none lost": {"messages": 10}}, "sizes_bytes": (48, 4), "in_flight": (1,)},
    "life": {"kernel": "6.1", "object_bytes": 32, "zeroed": False},
    "lives": {"kernel": "6.1", "object_bytes": 32, "ack_delay": 2, "loss": 0.05, "pressure": 1.0, "messages": 50}
    | {"by_delay": (1,)},
    "matrix": {"kernels": ("6.1",), "headers": ("slab",), "trailers": ("slab",)},
    "observe": {"how": "one sendmsg", "announce": "nothing", "header_bytes": 48, "kernel": "6.12", "number": 0}
    | {key: SEND[key] for key in ("payload_bytes", "mtu")},
    "decide": {"caller": "siw", "payloads": {4096: 1}, "flag_ignored": 0.5, "in_flight": 1, "as_of_6_1": False},
    "debate": {"name": "outcome"},
    "source": {"name": "copy_in_stack"},
    "words": {"group": "memory"},
    "sweep": {"grid": SIW | {"messages": 2}},
}
DEAR = {"messages": 1000, "warm_up": 1000, "delays": 100, "payload_bytes": 1 << 22}  # more is allowed, and takes long


@st.composite
def calls(draw):
    """Return a public function's name, the arguments that were replaced, and all of them."""
    name = draw(st.sampled_from(sorted(ARGUMENTS)))
    replaced = draw(st.lists(st.sampled_from(sorted(ARGUMENTS[name])), min_size=1, max_size=2, unique=True))
    changes = {key: draw(VALUES) for key in replaced}
    dear = [key for key in changes if key in DEAR and type(changes[key]) in (int, float)]
    return name, replaced, ARGUMENTS[name] | changes | {key: min(changes[key], DEAR[key]) for key in dear}


@pytest.mark.soak
@many
@given(calls())
def test_public_functions(call):
    name, replaced, arguments = call
    try:
        result = getattr(splicelab, name)(**arguments)
    except InputError as error:
        assert is_sentence(error)
    else:
        assert result.text if isinstance(result, Result) else len(result)
        assert not any(isinstance(arguments[key], Odd) for key in replaced if key != "caller")


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"lose_every": 1 << 63}, "lose_every: must be less than 2147483648, not 9223372036854775808"),
        ({"warm_up": []}, "warm_up: must be a valid integer, not []"),
        ({"messages": -1}, "messages: -1, not 0 to 10000000"),
        ({"flag": 1 << 63}, "flag: must be a valid boolean, not 9223372036854775808"),
        ({"owners": {"header": 3}}, "owners.header: must be a valid string, not 3"),
        ({"entry_bytes": 0}, "entry: 0 bytes, not 1 to 1048576"),
    ],
)
def test_the_sentence_names_the_argument(changes, told):
    with pytest.raises(InputError) as caught:
        splicelab.run(**(SIW | changes))
    assert str(caught.value).startswith(told)


BY_COLUMNS = [
    f"{name}.csv" for name in ("layers handed_down sender_patterns programs owners labels families ways").split()
]
ROWS = {
    "callers.csv": splicelab.callers.Caller,
    "recordings/manifest.csv": recordings.RecordingFile,
    "columns.csv": Column,
}


@pytest.mark.soak
@many
@given(choose=st.data())
def test_data_tables(choose, tmp_path_factory):
    """A table with bytes changed, a cell replaced, a line twice or left out is refused, or all of it is in order."""
    name = choose.draw(
        st.sampled_from([*sorted(ROWS), *BY_COLUMNS, *(f"{key}.csv" for key in sorted(debate_tables.TABLES))])
    )
    lines = (DATA / name).read_bytes().splitlines()
    number = choose.draw(st.integers(0, len(lines) - 1))
    how = choose.draw(st.sampled_from(["cell", "bytes", "twice", "gone", "cut"]))
    cells = lines[number].split(b",")
    if how == "cell":
        cells[choose.draw(st.integers(0, len(cells) - 1))] = str(choose.draw(PLAIN)).encode("utf-8", "replace")
    elif how == "cut":
        cells = cells[:-1]
    lines[number] = b",".join(cells)
    if how == "bytes":
        place = choose.draw(st.integers(0, len(lines[number])))
        lines[number] = lines[number][:place] + choose.draw(st.binary(min_size=1, max_size=4)) + lines[number][place:]
    lines[number : number + 1] = {"twice": [lines[number]] * 2, "gone": []}.get(how, [lines[number]])
    folder = tmp_path_factory.getbasetemp()
    path = folder / name.rpartition("/")[2]
    path.write_bytes(b"\n".join(lines))
    try:
        if name in ROWS:
            rows = read_rows(path, ROWS[name])
        elif name in BY_COLUMNS:
            rows = read_table(path)
        else:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(debate_tables, "data_path", lambda part: folder / part)
                rows = splicelab.debate(path.stem)
    except InputError as error:
        assert is_sentence(error, path.name)
    else:
        assert 0 < len(rows) <= len(lines) and how != "cut"


RECORDING = DATA / "recordings" / "tcp-6.12-mtu1500.jsonl.xz"


@pytest.mark.soak
@many
@given(st.integers(0, RECORDING.stat().st_size - 1), st.binary(min_size=1, max_size=8), st.booleans())
def test_traces(tmp_path_factory, place, new, is_cut):
    path = tmp_path_factory.getbasetemp() / "trace.jsonl.xz"
    old = RECORDING.read_bytes()
    path.write_bytes(old[:place] if is_cut else old[:place] + new + old[place + len(new) :])
    if path.read_bytes() != old:
        with pytest.raises(InputError) as caught:
            read_scenarios(path)
        assert is_sentence(caught.value, str(path))


OPTIONS_OF = ["--caller", "--payload", "--alternative", "--profile", "--mtu", "--trailer", "--entry", "--header-digest"]
TOKENS = st.sampled_from(
    [*OPTIONS_OF, "compare", "predict", "siw", "ceph_v1", "plain_copy", "6.12", "4096", "--", "-h"]
)
TOKENS |= (NUMBERS | WORDS).map(str)


@pytest.mark.soak
@many
@given(st.lists(TOKENS, max_size=6), st.booleans())
def test_arguments_of_the_command_line(tokens, is_compare):
    arguments = ["compare", "--caller", "siw", "--payload", "4096"] * is_compare + tokens
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(arguments)
    if status == 0:
        assert err.getvalue() == "" and out.getvalue()
    else:
        assert status == 2 and out.getvalue() == ""
        assert err.getvalue().startswith("splicelab: ") and err.getvalue().count("\n") == 1


FUNCTIONS = st.sampled_from([lambda: 0, lambda w, v: 0, lambda w: w, lambda w: None, len, print, Odd, type, "x".join])


@pytest.mark.soak
@settings(many, max_examples=many.max_examples // 10)  # each asks the compiler
@given(VALUES | FUNCTIONS, VALUES | st.just("mine"))
def test_own_alternatives(function, name):
    try:
        alternative(name)(function)
    except InputError as error:
        assert is_sentence(error)
    else:
        raise AssertionError(f"taken: {name!r}, {function!r}")
    finally:
        OWN.clear()


def test_a_table_of_callers_is_refused_as_a_whole(tmp_path):
    """One that was cut short by a full disk has no row less: it is refused."""
    path = tmp_path / "callers.csv"
    shutil.copy(DATA / "callers.csv", path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="callers.csv: cannot be read: unexpected end of data"):
        load_callers(path)
