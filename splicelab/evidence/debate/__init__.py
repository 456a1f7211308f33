"""The debate's tables: claims, positions, later history, lines of code, each with its link. Claims what was done."""
