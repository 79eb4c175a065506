"""The audit log: what happened to people's data, sealed for each person, in a chain that shows any later change."""
