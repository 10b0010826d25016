"""`wattmill site`: a factory as power, racks, cooling, floor, money and a calendar."""
