"""The models kit of Sotopia."""
