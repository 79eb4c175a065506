"""What a person takes along: the portability report, and what was fetched for MedMij."""
