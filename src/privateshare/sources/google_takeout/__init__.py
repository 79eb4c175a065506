"""Google Takeout: what Google knows of a person, besides YouTube, the Timeline, mail, calendar and contacts."""
