"""One file per question, and the evidence that is made from their runs."""
