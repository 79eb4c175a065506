"""LinkedIn: the copy of their data that members request."""
