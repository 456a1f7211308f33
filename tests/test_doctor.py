"""The doctor has a line for every part, with the remedy where something is missing."""

import pytest

from splicelab import cli, doctor


def test_every_part_gets_one_line(capsys):
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[7:22].strip() for line in lines] == list(doctor.PARTS)
    assert all(line.startswith(("ok ", "lacks ")) and line[23:] for line in lines)


def test_a_missing_program_comes_with_its_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(doctor.Lacking, match="no gcc: apt install gcc"):
        doctor.PARTS["bench"]()
    assert "lacks  bench           no gcc: apt install gcc libc6-dev" in list(doctor.report())


@pytest.mark.parametrize("part", ["python", "kernels", "notebooks", "live"])
def test_what_the_tests_themselves_need_is_found(part):
    assert doctor.PARTS[part]()
