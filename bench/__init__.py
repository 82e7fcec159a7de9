"""Benchmarks: speed is claimed by what stands here, as ratios measured side by side in one run."""
