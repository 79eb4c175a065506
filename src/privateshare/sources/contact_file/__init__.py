"""Address books that people export as vCards or as tables."""
