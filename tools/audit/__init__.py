"""The audit trail outside of the service: fetch a copy of it, and verify the copy offline."""
