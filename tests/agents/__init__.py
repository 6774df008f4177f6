"""Tests of the agents kit."""
