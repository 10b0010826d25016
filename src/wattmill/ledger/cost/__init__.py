"""What serving cost, and whose cost it was: by the hour, exactly, down to one request."""
