"""Benchmarks: what each figure in docs/performance.md is printed by."""
