"""The jobs that fill libraries, and the sessions that wait for them."""
