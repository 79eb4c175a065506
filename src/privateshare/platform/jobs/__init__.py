"""The job queue, which workers take jobs from."""
