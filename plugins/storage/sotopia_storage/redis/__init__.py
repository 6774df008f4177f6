"""The store on a Redis server, for many machines at once."""
