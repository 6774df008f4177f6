"""The kernel of Sotopia."""
