"""The source Oura."""
