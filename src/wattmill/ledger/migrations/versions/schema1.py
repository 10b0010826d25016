"""Schema 1: entries by kind (hold, settle, void, deliver, waive) in one table. It was created whole."""

revision = "1"
down_revision = None


def upgrade() -> None:
    """Nothing comes before it."""
