"""Core: frozen records that cross rooms, exact money, the clock, the error tree. Imports no other room."""
