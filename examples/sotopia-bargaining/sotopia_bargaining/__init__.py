"""Bargaining with outcomes that can be computed."""
