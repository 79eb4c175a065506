"""Private Share: people lend their data to apps, for a stated purpose, until they say stop."""
