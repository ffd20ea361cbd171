"""The benchmark: agents × tasks × seeds under one protocol, and what a reviewer wants to know of them."""
