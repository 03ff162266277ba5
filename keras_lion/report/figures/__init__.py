"""One file a figure: its drawing, its caption, and when it applies."""
