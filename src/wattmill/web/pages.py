"""The status page: what runs, who spends what. Server-rendered; the same data at ``/index.json``. Read only."""

import time
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from wattmill.core.money import format_usd
from wattmill.web.ask import ask_routes
from wattmill.web.books import Books, tell_gateways
from wattmill.web.metrics import merged


def pages_app(books: Books, settings: Any) -> Starlette:
    """The pages over one set of books."""
    environment = Environment(loader=PackageLoader("wattmill.web", "templates"), autoescape=True)
    environment.filters["usd"] = format_usd

    async def page(_request: Request) -> Response:
        data = await run_in_threadpool(overview, books, settings.gateway_url)
        return HTMLResponse(environment.get_template("status.html").render(data))

    async def as_json(_request: Request) -> Response:
        data = await run_in_threadpool(overview, books, settings.gateway_url)
        return Response(msgspec.json.encode(data), media_type="application/json")

    async def metrics(_request: Request) -> Response:
        answers = await run_in_threadpool(tell_gateways, books.data, "metrics")
        text = merged(answer["metrics"] for answer in answers)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    routes = [Route("/", page), Route("/index.json", as_json), Route("/metrics", metrics)]
    routes += ask_routes()
    return Starlette(routes=routes)


def overview(books: Books, gateway_url: str) -> dict[str, Any]:
    """What the status page shows."""
    return {
        "at": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "factory": books.factory.site.name,
        "currency": books.factory.site.currency,
        "gateway_url": gateway_url,
        "gateway": books.status()["gateway"],
        "models": [{"alias": m.alias, "route": m.route} for m in books.factory.models],
        "tenants": books.balances(),
    }
