"""What is here, and a factory file made of it: cards, processor, engines, models in files.

Looking never raises: a tool that is missing, a port where rubbish answers, a file system without
``/proc`` are all things that were not found out. Whatever was not found out is said in words and
stands as a comment in the file, beside the line that would tell.
"""

from wattmill.web.discover.engines import USUAL_PORTS, find_engines
from wattmill.web.discover.factory_file import factory_text
from wattmill.web.discover.gguf import EMBEDDED_CONTEXT, read_gguf
from wattmill.web.discover.looking import discover, factory_for_model, init
from wattmill.web.discover.machine import RunTool, find_machine
from wattmill.web.discover.records import Engine, Found, Gpus, Machine, Served
from wattmill.web.discover.screen import found_screen, unknown_text

__all__ = [
    "EMBEDDED_CONTEXT",
    "USUAL_PORTS",
    "Engine",
    "Found",
    "Gpus",
    "Machine",
    "RunTool",
    "Served",
    "discover",
    "factory_for_model",
    "factory_text",
    "find_engines",
    "find_machine",
    "found_screen",
    "init",
    "read_gguf",
    "unknown_text",
]
