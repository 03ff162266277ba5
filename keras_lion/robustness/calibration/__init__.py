"""How often the analysis errs, on cases with known answers."""
