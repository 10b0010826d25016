"""What the ledger can carry, beside a peer: `python -m bench.ledger`."""
