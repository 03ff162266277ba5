"""What a reader of a verdict must know besides."""
