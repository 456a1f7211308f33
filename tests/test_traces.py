"""The recordings: unchanged, complete, quick to load, and compared as documented."""

import csv
import hashlib
import lzma

import pytest

from splicelab.errors import InputError
from splicelab.evidence.recorded import recordings as traces
from splicelab.paths import DATA


@pytest.fixture(scope="module")
def recorded():
    return traces.recordings()


def as_predicted(recorded):
    """Return the recording itself in the form of a prediction, zeros where nothing was recorded."""
    zeros = dict.fromkeys(traces.COUNTERS, 0) | {"skbs": []}
    return [{"id": r.scenario.id, "messages": [zeros | counts for counts in r.messages]} for r in recorded]


def test_every_file_is_in_the_manifest_and_unchanged():
    folder = DATA / "recordings"
    stored = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"manifest.csv"}
    rows = traces.manifest()
    assert {row.file for row in rows} == stored
    for row in rows:
        content = (folder / row.file).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row.bytes, row.sha256), row.file
        text = lzma.decompress(content) if row.file.endswith(".xz") else content
        assert len(text.splitlines()) == row.lines, row.file


def test_a_changed_recording_is_refused(tmp_path, monkeypatch):
    row = traces.manifest("connections")[0]
    (tmp_path / row.file).write_bytes(b"changed")
    monkeypatch.setattr(traces, "data_path", lambda *parts: tmp_path.joinpath(*parts[1:]))
    with pytest.raises(InputError, match="sha256 is not the one in manifest.csv"):
        traces.recording_path(row)


def test_what_was_recorded(recorded):
    assert len(recorded) == 408
    messages = [counts for r in recorded for counts in r.messages]
    assert len(messages) == 1200
    assert sum("skbs" not in counts for counts in messages) == 83
    assert {r.scenario.kernel for r in recorded} == {"6.1", "6.12"} and {r.scenario.mtu for r in recorded} == {
        1500,
        65536,
    }
    counted = set(traces.COUNTERS)
    assert all(set(counts) <= counted for counts in messages)
    assert all(len(r.messages) == len(r.scenario.messages) for r in recorded)


def test_what_was_noticed_in_the_recordings(recorded):
    """Truesize is length plus the empty skb's, except for zerocopy, and no skb has more than 17 frags."""
    for r in recorded:
        empty_bytes = {"6.1": 1280, "6.12": 960}[r.scenario.kernel]
        for counts in r.messages:
            for size_bytes, truesize_bytes, nr_frags in counts.get("skbs", []):
                assert nr_frags <= 17
                assert truesize_bytes == size_bytes + empty_bytes or r.kind.startswith("zc")


def test_a_perfect_prediction_is_exact_wherever_something_was_recorded(recorded):
    agreement = traces.Agreement(traces.beside(recorded, as_predicted(recorded)))
    table = agreement.table
    assert (table["exact"] == table["total"]).all()
    assert list(table.columns) == ["kernel", "mtu", "kind", "counter", "exact", "total", "left_out"]
    per_counter = table.groupby("counter")[["total", "left_out"]].sum()
    assert per_counter.loc["tcp_push"].tolist() == [1200, 0]
    assert per_counter.loc["skbs"].tolist() == [1117, 83]
    assert per_counter.loc["copies"].tolist() == [1117, 83]
    assert list(dict.fromkeys(table["counter"])) == list(traces.COUNTERS)
    plain = table.set_index(["kernel", "mtu", "kind", "counter"]).loc[("6.12", 65536, "plain", "tcp_push")]
    assert plain.tolist() == [36, 36, 0]


def test_one_wrong_counter_shows_where(recorded):
    predicted = as_predicted(recorded)
    predicted[0]["messages"][1]["tcp_push"] += 1
    predicted[0]["messages"][2]["skbs"] = []
    beside = traces.beside(recorded, predicted)
    wrong = beside[beside["equal"].eq(False)]
    assert wrong[["id", "message", "counter"]].to_numpy().tolist() == [
        [recorded[0].scenario.id, 1, "tcp_push"],
        [recorded[0].scenario.id, 2, "skbs"],
    ]
    table = traces.Agreement(traces.beside(recorded, predicted)).table
    assert (table["total"] - table["exact"]).sum() == 2


def test_a_prediction_is_of_the_same_connections_and_whole(recorded):
    few = traces.Recordings(recorded[:2])
    assert [answer["id"] for answer in few.predicted] == [one.scenario.id for one in few]
    with pytest.raises(ValueError, match="shorter"):
        traces.beside(few, as_predicted(recorded[:1]))
    short = as_predicted(few)
    del short[1]["messages"][0]["copies"]
    with pytest.raises(KeyError, match="copies"):
        traces.beside(few, short)


def test_kernel_senders_as_the_summaries_count_them():
    table = traces.operations()
    summaries = {}
    for name in ("nvme", "nfs"):
        with open(DATA / "recordings" / "callers" / f"{name}-summary.csv", newline="") as file:
            for row in csv.DictReader(file):
                op = "|".join((row["op"], row["cfg"], row["rw"], row["size"], row["align"], row["rep"]))
                summaries[row["kernel"], op, row["role"]] = (int(row["calls"]), int(row["tcp_push"]))
    counted = table[table["caller"].isin(("nvme", "nfs"))]
    ours = {(r.kernel, r.op, r.role): (len(r.calls), r.pushes) for r in counted.itertuples()}
    assert ours == summaries


def row(table, kernel, op, role):
    (found,) = table[(table["kernel"] == kernel) & (table["op"] == op) & (table["role"] == role)].to_dict("records")
    return found


def test_what_killing_notlast_changed_for_nvme_and_nfsd():
    table = traces.operations()
    old = row(table, "6.1.192", "nvme|none|read|4096|0|0", "T")
    new = row(table, "6.12.117", "nvme|none|read|4096|0|0", "T")
    assert [size for _, size, _, _ in old["calls"]] == [size for _, size, _, _ in new["calls"]] == [24, 4096, 24]
    assert (old["pushes"], new["pushes"]) == (1, 3)
    assert old["skbs"] == [(4144, 5424, 3)] and new["skbs"] == [(4144, 5104, 3)]
    reads = [row(table, kernel, "nfs|nfs65536|read|65536|0|0", "T") for kernel in ("6.1.192", "6.12.117")]
    assert [(len(r["calls"]), r["pushes"]) for r in reads] == [(18, 18), (1, 1)]


def test_the_crc_of_siw_leaves_alone_after_a_spliced_page():
    table = traces.operations()
    for kernel in ("6.1.192", "6.12.117"):
        op = row(table, kernel, "siw|rping|65536|4096", "s1")
        other = row(table, kernel, "siw|rping|65536|4096", "s0")
        assert sum(size == 4 for side in (op, other) for size, _, _ in side["skbs"]) == 3
    spliced = table[table["caller"] == "siw"].groupby("kernel")["spliced_bytes"].sum()
    assert spliced["6.1.192"] == 0 and spliced["6.12.117"] > 0


def test_what_leaves_is_what_the_calls_took_in_every_operation_that_ends_with_nothing_held_back():
    table = traces.operations().query("caller not in ('ceph', 'nvme')")  # whose last bytes may leave with the next
    assert len(table) > 1000
    for op in table.itertuples():
        sendpages_bytes = sum(size for name, size, *_ in op.calls if name == "sendpages")
        taken_bytes = op.copied_bytes + op.spliced_bytes + sendpages_bytes
        assert sum(length for length, *_ in op.skbs) == taken_bytes, (op.kernel, op.op, op.role)
