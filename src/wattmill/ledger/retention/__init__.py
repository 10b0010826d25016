"""Retention of details apart from the books.

The rows of requests that are old and invoiced can be dropped (``retiring``); what they add up to is kept (``tables``),
is what every reader then counts with (``reading``), and can be proved (``proof``).
"""
