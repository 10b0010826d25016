"""`wattmill buy`: rent, buy, lease or pay an API, from its inputs to its page."""
