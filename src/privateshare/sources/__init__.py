"""Where people's data comes from: one folder each."""
