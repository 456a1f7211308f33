"""Figures and the one widget."""
