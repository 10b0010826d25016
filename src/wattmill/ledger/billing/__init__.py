"""The life of a bill: drafted, issued for ever, credited or cancelled, paid."""
