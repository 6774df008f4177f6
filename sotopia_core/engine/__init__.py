"""Playing: an episode's loop, a run of many episodes, and the thread that makes them durable."""
