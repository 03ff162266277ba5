"""Saved states: what is kept, found again and taken over."""
