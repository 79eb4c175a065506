"""Instagram and Facebook: the exports that Meta's Accounts Center makes."""
