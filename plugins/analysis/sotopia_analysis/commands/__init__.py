"""The commands of this kit. Nothing here imports numpy, polars, scipy or matplotlib before a command runs."""
