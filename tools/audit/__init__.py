"""Tools for the audit trail: fetch a copy, and verify it offline."""
