"""What the framework costs: start-up, episodes, long episodes, the demo. Run ``python -m benchmarks``."""
