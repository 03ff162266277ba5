"""Regularized evolution of programs, and what they are scored on."""
