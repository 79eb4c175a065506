"""Amazon: the tables of the data request, and older order reports."""
