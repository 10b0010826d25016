"""Does the ledger hold? ``examine`` proves it on live books, check by check, or says what is wrong and where."""

from wattmill.ledger.doctor.examination import Result, examine

__all__ = ["Result", "examine"]
