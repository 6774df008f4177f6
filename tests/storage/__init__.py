"""Tests of the storage kit."""
