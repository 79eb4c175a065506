"""The processes of `privateshare serve`: one that answers requests, one that runs syncs, and what starts them."""
