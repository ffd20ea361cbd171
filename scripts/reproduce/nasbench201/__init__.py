"""The search agents on NAS-Bench-201 under the protocols ``nats`` and ``direct``."""
