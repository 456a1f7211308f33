"""Orders: every order of the events of a small world. Claims that a rule can break, or that in this world it cannot."""
