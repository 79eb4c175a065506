"""Examples of what one does with Private Share."""
