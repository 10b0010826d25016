"""Groups of commands: thin functions over ``web``, nothing heavy imported before one runs."""
