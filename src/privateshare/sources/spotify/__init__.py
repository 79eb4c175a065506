"""The source Spotify: listening history, saved tracks and albums, playlists, followed artists."""
