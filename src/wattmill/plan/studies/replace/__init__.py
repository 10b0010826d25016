"""`wattmill replace`: when to keep, redeploy, sell or swap."""
