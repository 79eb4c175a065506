"""Google's My Activity, as people export it with Google Takeout: what they watched and searched."""
