"""The storage kit of Sotopia."""
