"""The ``sotopia`` command."""
