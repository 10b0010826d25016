"""Web: the control plane. The books' one writer, the admin interface, the pages, and who starts whom.

books        everything that changes or reads the books, one method each
control      how a command reaches the books: through the running factory, or by opening them itself
pools        the factory file's pools as the data plane needs them
admin        the books' methods over a unix socket that only the owner can open
pages        the status page, for a browser and as JSON
process      the control plane as a process
supervisor   starts engines, books and gateway, watches them, stops them
"""
