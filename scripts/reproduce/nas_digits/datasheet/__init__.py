"""The data sheet of NAS-Digits: its figures and numbers, from the table alone."""
