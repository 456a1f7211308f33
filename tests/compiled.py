"""Compile the kernels once, so that the test runs that follow find them in the cache: ``python -m tests.compiled``."""

from splicelab.callers import load_callers
from splicelab.evidence.counted import run
from splicelab.evidence.predict import predict
from splicelab.evidence.traces import read_recorded

if __name__ == "__main__":
    run(load_callers()["siw"], "plain_copy")
    predict([recorded.scenario for recorded in read_recorded()][:1])
