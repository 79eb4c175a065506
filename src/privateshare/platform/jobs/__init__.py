"""The job queue: how work is put off until a worker takes it."""
