"""Verifying: independent oracles for every derived gradient."""
