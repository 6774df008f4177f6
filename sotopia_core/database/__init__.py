"""Records at rest: which store is meant, what files hold, and the pool that a run draws from."""
