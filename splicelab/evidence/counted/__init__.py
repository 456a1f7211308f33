"""Counted: what the model does with a message, exact and the same everywhere. Claims numbers of events, never time."""
