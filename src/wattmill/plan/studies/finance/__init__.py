"""`wattmill finance`: a factory as flows of money by month."""
