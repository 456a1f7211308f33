"""Counted, timed, live and recorded evidence, never mixed up."""
