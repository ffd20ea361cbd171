"""The leaderboard: a file of records, each of which replay has reproduced on this machine's tables."""
