"""The books' methods over a unix socket that only the owner of the data folder can open."""

import logging

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wattmill.core.errors import LedgerError, UsageError, WattmillError
from wattmill.ledger.admission import require_text
from wattmill.web.books import Books
from wattmill.web.control import OPERATIONS

_LOG_HINT = "what `wattmill up` prints says more"
log = logging.getLogger("wattmill.books")


def admin_app(books: Books) -> Starlette:
    """``POST /OPERATION`` with the arguments as a JSON object; ``{"result": …}``, or an error with its hint."""

    async def operate(request: Request) -> Response:
        name = request.path_params["operation"]
        try:
            arguments = msgspec.json.decode(await request.body() or b"{}", type=dict[str, object])
            result = await run_in_threadpool(_operate, books, name, arguments)
        except WattmillError as error:
            return _json(400, _describe(error))
        except msgspec.DecodeError as error:
            return _json(400, _describe(UsageError(f"the arguments are no JSON object: {error}")))
        except Exception as error:
            log.exception("%s", name)
            return _json(500, _describe(LedgerError(f"{name}: {error}", hint=_LOG_HINT)))
        return _json(200, {"result": result})

    return Starlette(routes=[Route("/{operation}", operate, methods=["POST"])])


def _operate(books: Books, name: str, arguments: dict[str, object]) -> object:
    if name not in OPERATIONS:
        raise UsageError(f"there is no operation {name!r}", hint=", ".join(OPERATIONS))
    require_text(name, arguments)
    try:
        return msgspec.to_builtins(getattr(books, name)(**arguments))
    except TypeError as error:
        raise UsageError(f"{name}: {error}") from error


def _describe(error: WattmillError) -> dict[str, str]:
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "place": error.place,
    }


def _json(status: int, content: object) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
