"""Local servers of the APIs of sources, made from the published descriptions. Each API is a short declaration."""
