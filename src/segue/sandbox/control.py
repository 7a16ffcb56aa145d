"""The sandbox's own API under `/_sandbox/`: furnish, look, disturb, wind the clock. Not Braze's.

JSON in and out; GET `/_sandbox/openapi.json` describes it. No key is asked for: the sandbox listens on
loopback unless told otherwise.
"""

import inspect
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from segue.sandbox import furniture, operations, outreach, samples
from segue.sandbox.clock import iso
from segue.sandbox.dashboard import site
from segue.sandbox.exchange import Reply, structured
from segue.sandbox.operations import Asked, Missing, Route, Wrong
from segue.sandbox.switches import Switches
from segue.sandbox.workspace import Furnishing
from segue.sandbox.world import World

ROOT = "/_sandbox"


async def answer(world: World, method: str, path: str, query: bytes, body: bytes) -> Reply:
    """Do a control request: its JSON, 400 with what to mend, 404 for what is not there; or a page."""
    world.settle(world.clock.now_ms())
    if method == "GET" and (path == site.ROOT or path.startswith(f"{site.ROOT}/")):
        return await site.answer(world, path, query)
    found = _route(method, path)
    if found is None:
        return structured(404, {"error": f"{method} {path} is not an operation; see {ROOT}/openapi.json"})
    route, part = found
    try:
        read = msgspec.json.decode(body, type=route.body) if route.body is not None and body else None
        if route.body is not None and read is None:
            read = msgspec.convert({}, type=route.body)
        asked = Asked(part, dict(parse_qsl(query.decode("latin-1"))), read)
        done = route.act(world, asked)
        if inspect.isawaitable(done):
            done = await done
        return done if isinstance(done, Reply) else structured(route.status, done)
    except (msgspec.DecodeError, RecursionError, Wrong) as fault:
        return structured(400, {"error": str(fault)})
    except Missing as fault:
        return structured(404, {"error": str(fault)})


def openapi() -> dict[str, Any]:
    """The control API as an OpenAPI 3.1 document."""
    shapes = {key: PARTLY.get(key, route.body) for key, route in ROUTES.items() if route.body is not None}
    bodies = list(shapes.values())
    schemas, components = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    by_route = dict(zip(shapes, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), route in ROUTES.items():
        operation: dict[str, Any] = {
            "summary": route.about,
            "operationId": route.act.__name__.strip("_"),
            "responses": {
                str(route.status): {"description": "Done.", "content": {"application/json": {"schema": {}}}},
                "400": _fault("Something to mend in the request; nothing was done."),
                "404": _fault("Not there."),
            },
        }
        parameters: list[dict[str, Any]] = [
            {"name": name, "in": "query", "description": about, "schema": {"type": "string"}}
            for name, about in route.query.items()
        ]
        if "{" in path:
            name = path[path.index("{") + 1 : -1]
            parameters.append(
                {
                    "name": name,
                    "in": "path",
                    "required": True,
                    "description": route.part,
                    "schema": {"type": "string"},
                }
            )
        if parameters:
            operation["parameters"] = parameters
        if route.body is not None:
            content = {"schema": by_route[method, path], "example": samples.BODIES[method, path]}
            operation["requestBody"] = {"content": {"application/json": content}}
        paths.setdefault(ROOT + path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Segue sandbox control",
            "version": "1",
            "description": "Furnish a sandbox, look into it, disturb it, wind its clock. Not Braze's API. "
            "No key is asked for: keep it on loopback. The dashboard is at /_sandbox/ui/.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _fault(about: str) -> dict[str, Any]:
    """How a refusal is answered."""
    said = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    return {"description": about, "content": {"application/json": {"schema": said}}}


def _index(world: World, asked: Asked) -> Any:
    return {
        "name": "Segue sandbox: a Braze of your own",
        "keeps_profiles": world.keep,
        "now": iso(world.clock.now_ms()),
        "operations": {f"{method} {ROOT}{path}": route.about for (method, path), route in ROUTES.items()},
    }


def _openapi(world: World, asked: Asked) -> Any:
    return openapi()


ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", ""): Route("What this is and what it can do.", _index),
    ("GET", "/openapi.json"): Route("This API as OpenAPI.", _openapi),
    **operations.ROUTES,
    **furniture.ROUTES,
    **outreach.ROUTES,
}
"""Every operation: method and path below the root."""

PARTLY: Mapping[tuple[str, str], type] = {
    ("PATCH", "/switches"): Switches,
    ("PATCH", "/workspaces/{id}"): Furnishing,
}
"""What a body holds a part of."""


def _route(method: str, path: str) -> tuple[Route, str] | None:
    below = path[len(ROOT) :].rstrip("/")
    route = ROUTES.get((method, below))
    if route is not None:
        return route, ""
    head, _, last = below.rpartition("/")
    for (verb, pattern), candidate in ROUTES.items():
        if verb == method and pattern.endswith("}") and pattern.rpartition("/")[0] == head and last:
            return candidate, unquote(last)
    return None
