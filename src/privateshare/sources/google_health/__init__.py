"""Google Health: the data of Fitbit and of other devices, of those who sign in at Google."""
