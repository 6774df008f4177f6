"""The packs kit of Sotopia."""
