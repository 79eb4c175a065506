"""Google's Timeline, formerly Location History: exports of Takeout, and those that phones make themselves."""
