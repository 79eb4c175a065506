"""Banks by file: statements that a person downloads from any bank, as transactions."""
