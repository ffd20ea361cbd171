"""BOHB beside HpBandSter and other peers."""
