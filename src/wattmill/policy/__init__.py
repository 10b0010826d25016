"""Policy: every decision, pure. Imports ``tariff``, ``core``; knows no clock, no socket, no ledger."""
