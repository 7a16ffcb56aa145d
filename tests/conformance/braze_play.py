"""Plays a recorded Braze case through our real destination code: trigger, mapping, coercion, shape, rows,
build, a canned answer, read; and puts both outcomes into one form that can be compared.

An event's fate, ours and the recorded one, is a `Fate`. Beside the requests there is nothing else to compare.
"""

import json
from collections.abc import Mapping, Sequence, Set
from typing import Any

import msgspec
import orjson

from segue.catalog.braze.destination import BRAZE
from segue.kit.action import Action, Shaping, status_code
from segue.kit.coerce import Coercer, check_settings
from segue.kit.partner import Person
from segue.language import mapping as mappings
from segue.language import trigger as triggers
from segue.model.delivery import Outcome, Request, Response, Row, Verdict
from segue.model.errors import InvalidError, InvalidMapping, InvalidPayload

SYNC_MODE = "__segment_internal_sync_mode"

Json = dict[str, Any]


class Fate(msgspec.Struct, kw_only=True):
    """What became of one event.

    kind     "delivered" | "skipped" (trigger) | "filtered" | "refused" (by us) | "failed" (by the partner)
             | "apart" (not sent, for the comparison)
    status   HTTP status or the one that stands for the fault; 0 for no answer
    code     delivery code; "" for none
    message  words of the fault; notes: fields that were left out
    """

    kind: str
    status: int = 0
    code: str = ""
    message: str = ""
    notes: Sequence[tuple[str, str]] = ()


class Played(msgspec.Struct, kw_only=True):
    """Everything one case did.

    requests  in order; each as recorded, plus ``items``: its objects as (event number, object) pairs.
              A body that is no list of objects is one object
    fates     one per event
    payloads  the mapped payload of each event, None when it was not mapped; ours only
    """

    requests: list[Json]
    fates: list[Fate]
    payloads: list[Any] = []
    result: Any = None


class Script:
    """The canned answers of a case, handed out one per request; 201 when they are used up."""

    def __init__(self, answers: Sequence[Mapping[str, Any]]) -> None:
        self._answers = list(answers)
        self.requests: list[Json] = []

    def send(self, request: Request, events: Sequence[int] = ()) -> Response:
        """Answer a request; events: whose its objects are, one number per object."""
        self.requests.append(_tagged(_plain(request), events))
        if not self._answers:
            return Response(
                status=201, headers={"content-type": "application/json"}, body=b'{"message":"success"}'
            )
        answer = self._answers.pop(0)
        if "network_error" in answer:
            return Response(status=0, error=answer["network_error"])
        headers = {name.lower(): value for name, value in answer.get("headers", {}).items()}
        if "json" in answer:
            headers.setdefault("content-type", "application/json")
            return Response(status=answer["status"], headers=headers, body=orjson.dumps(answer["json"]))
        return Response(status=answer["status"], headers=headers, body=answer.get("text", "").encode())


def play(case: Json, apart: Set[int] = frozenset(), answers: Sequence[Json] | None = None) -> Played:
    """Run one case of any kind.

    apart    events that are mapped but not sent
    answers  canned answers to give instead of the case's own
    """
    script = Script(case.get("responses") or () if answers is None else answers)
    settings, problems = check_settings(BRAZE.settings, case["settings"])
    problems = [problem for problem in problems if problem[0] in BRAZE.settings]
    if problems:
        fate = Fate(kind="refused", status=400, code="PAYLOAD_VALIDATION_FAILED", message=str(problems))
        return Played(requests=[], fates=[fate] * len(case.get("events", ())))
    match case.get("kind"):
        case "delete":
            return _delete(case, settings, script)
        case "dynamic":
            return _dynamic(case, settings, script)
        case "hook":
            return _hook(case, settings, script)
        case _:
            return _deliver(case, settings, script, apart)


def subscription(case: Json) -> tuple[str, Json, str | None]:
    """(slug, mapping, trigger) of a case."""
    if "preset" in case:
        preset = next(preset for preset in BRAZE.presets["published"] if preset.name == case["preset"])
        return preset.action, dict(preset.mapping), preset.trigger
    slug = case["action"]
    found = BRAZE.action(slug)
    assert found is not None
    if case.get("mapping") is not None:
        return slug, case["mapping"], case.get("subscribe")
    mapping = found[0].default_mapping(slug)
    modes = found[0].sync_modes(slug)
    if modes is not None:
        mapping[SYNC_MODE] = modes.default
    return slug, mapping, case.get("subscribe")


class _Run:
    """One subscription made ready, and what its events became."""

    def __init__(self, case: Json, settings: Json) -> None:
        slug, self.mapping, trigger = subscription(case)
        found = BRAZE.action(slug)
        assert found is not None
        self.action: Action = found[0]
        self.has_trigger = trigger is not None or "subscribe" in case
        self.trigger = _parsed(trigger)
        mode, _ = self.action.sync_mode(self.mapping, slug)
        hook = self.mapping.get("onMappingSave")
        hooks = {"onMappingSave": hook.get("outputs", {})} if isinstance(hook, dict) else {}
        self.shaping = Shaping(settings=settings, sync_mode=mode, hooks=hooks, slug=slug)
        self.coercer = Coercer(self.action.fields_of(slug))
        self.settings = settings
        self.payloads: list[Any] = []

    def rows(self, event: Json, number: int) -> list[Row] | Fate:
        """The rows of one event, or its fate when there are none."""
        if self.has_trigger and (self.trigger is None or not triggers.matches(self.trigger, event)):
            self.payloads.append(None)
            return Fate(kind="skipped")
        try:
            mapped = mappings.prepare(self.mapping).resolve(event)
            self.payloads.append(mapped)
            payload, notes = self.coercer.coerce(mapped)
            shaped = self.action.shape(payload, self.shaping)
        except InvalidError as error:
            if isinstance(error, InvalidMapping):
                self.payloads.append(None)
            code = error.code if isinstance(error, InvalidPayload) else "PAYLOAD_VALIDATION_FAILED"
            return Fate(kind="refused", status=400, code=code, message=str(error))
        if shaped.filtered:
            return Fate(kind="filtered", message=shaped.filtered)
        items = [orjson.dumps(item) for item in shaped.items]
        most = self.action.batch.items
        self.notes = tuple(notes)
        return [
            Row(
                destination="braze",
                subscription="s",
                action=self.action.slug,
                lane=0,
                offset=number,
                order=number,
                person="",
                message_id="",
                kind=event.get("type") or "",
                items=tuple(items[start : start + most]),
                context=shaped.context,
            )
            for start in range(0, len(items), most)
        ]

    def send(self, rows: Sequence[Row], script: Script) -> dict[int, list[Outcome]]:
        """Send rows in as few requests as the action allows; outcomes by event."""
        outcomes: dict[int, list[Outcome]] = {}
        contexts = list(dict.fromkeys(row.context for row in rows))
        for context in contexts:
            group: list[Row] = []
            groups = [group]
            for row in (row for row in rows if row.context == context):
                if group and sum(len(member.items) for member in (*group, row)) > self.action.batch.items:
                    group = []
                    groups.append(group)
                group.append(row)
            for group in groups:
                response = script.send(self.action.build(group, self.settings), _owners(group))
                for row, outcome in zip(group, self.action.read(response, group), strict=True):
                    outcomes.setdefault(row.offset, []).append(outcome)
        return outcomes


def _owners(rows: Sequence[Row]) -> list[int]:
    """Whose the objects of a request are; of catalog items with the same id only one is sent."""
    owners: list[int] = []
    seen: set[str] = set()
    for row in rows:
        for item in map(orjson.loads, row.items):
            if row.action != "upsert-catalog-item" or item["id"] not in seen:
                owners.append(row.offset)
                seen.add(item.get("id", ""))
    return owners


def _deliver(case: Json, settings: Json, script: Script, apart: Set[int]) -> Played:
    run = _Run(case, settings)
    made = []
    for number, event in enumerate(case["events"]):
        run.notes = ()
        rows_or_fate = run.rows(event, number)
        if number in apart:
            rows_or_fate = Fate(kind="apart")
        made.append((rows_or_fate, run.notes))
    outcomes: dict[int, list[Outcome]] = {}
    rows = [row for some, _ in made if isinstance(some, list) for row in some]
    if case.get("batch"):
        outcomes = run.send(rows, script) if rows else {}
    else:
        for some, _ in made:
            if isinstance(some, list):
                outcomes |= run.send(some, script)
    fates = [
        some if isinstance(some, Fate) else _fate(outcomes[number], notes)
        for number, (some, notes) in enumerate(made)
    ]
    return Played(requests=script.requests, fates=fates, payloads=run.payloads)


def without(case: Json, played: Played, apart: Set[int]) -> list[Json]:
    """The canned answers as they read when the objects of some events are not in the first request: indexes
    move up, errors about those objects go."""
    answers: list[Json] = json.loads(json.dumps(case.get("responses") or []))
    if (
        not case.get("batch")
        or not answers
        or not played.requests
        or not isinstance(answers[0].get("json"), dict)
    ):
        return answers
    owners = [number for number, _ in played.requests[0]["items"]]
    errors = answers[0]["json"].get("errors")
    if not isinstance(errors, list):
        return answers
    kept = []
    for error in errors:
        index = error.get("index") if isinstance(error, dict) else None
        if not isinstance(index, int) or not 0 <= index < len(owners):
            kept.append(error)
        elif owners[index] not in apart:
            kept.append({**error, "index": sum(owner not in apart for owner in owners[:index])})
    if errors:
        answers[0]["json"]["errors"] = kept
    return answers


def _fate(outcomes: Sequence[Outcome], notes: Sequence[tuple[str, str]]) -> Fate:
    worst = next((outcome for outcome in outcomes if outcome.verdict is not Verdict.DELIVERED), None)
    if worst is None:
        return Fate(kind="delivered", status=200, notes=notes)
    status = worst.status if not 200 <= worst.status < 300 else 400
    return Fate(kind="failed", status=status, code=worst.code, message=worst.message, notes=notes)


def _delete(case: Json, settings: Json, script: Script) -> Played:
    people = [Person(user_id=event.get("userId")) for event in case["events"]]
    assert BRAZE.erase is not None
    fates = []
    for person in people:
        responses = [script.send(request) for request in BRAZE.erase([person], settings)]
        bad = next((response for response in responses if not 200 <= response.status < 300), None)
        fates.append(
            Fate(kind="delivered", status=200)
            if bad is None
            else Fate(kind="failed", status=bad.status, code=bad.error or status_code(bad.status))
        )
    return Played(requests=script.requests, fates=fates)


def _dynamic(case: Json, settings: Json, script: Script) -> Played:
    found = BRAZE.action(case["action"])
    assert found is not None
    fields = {
        **{key: field for hook in found[0].hooks.values() for key, field in hook.fields.items()},
        **found[0].fields,
    }
    key = next(part for part in case["field"].split(".") if part in fields)
    choices = BRAZE.choices[fields[key].dynamic]
    payload = dict(case.get("payload") or {})
    for hook in ("onMappingSave", "retlOnMappingSave"):
        payload |= (payload.get(hook) or {}).get("outputs") or {}
    page, code = "", ""
    options: list[Json] = []
    while True:
        answer = choices.read(script.send(choices.request(settings, page, payload)), page, payload)
        options += [{"label": choice.label, "value": choice.value} for choice in answer.choices]
        code, page = answer.code, answer.next
        if not page:
            break
    return Played(requests=script.requests, fates=[], result={"choices": options, "code": code})


def _hook(case: Json, settings: Json, script: Script) -> Played:
    found = BRAZE.action(case["action"])
    assert found is not None
    hook = found[0].hooks["onMappingSave"]
    try:
        inputs, _ = Coercer(hook.fields).coerce(case["hookInputs"])
        request = hook.request(inputs, settings)
        result: Any = hook.read(inputs, script.send(request) if request is not None else None)
    except InvalidPayload as error:
        result = {"error": {"code": error.code, "message": str(error)}}
    return Played(requests=script.requests, fates=[], result=result)


def recorded(case: Json, expected: Json, ours: Played) -> Played:
    """The recorded outcome in the same form. Whose an object is follows from the order of the events: each
    that was not refused gave one object, or as many as it has products."""
    count = len(case.get("events", ()))
    if "multistatus" in expected:
        fates = [_node_fate(node) for node in expected["multistatus"]]
        if case.get("action", "").startswith("ecommerce"):
            fates = [_own_check(fate, case) for fate in fates]
    elif "error" in expected:
        # A batch that failed as a whole says nothing of single events: what we refused ourselves stays.
        whole = _error_fate(expected["error"])
        fates = [fate if fate.kind not in ("delivered", "failed") else whole for fate in ours.fates]
        fates = _as_sent(fates, whole, expected, ours)
    elif "skipped" in expected:
        fates = [Fate(kind="skipped", message=str(expected["skipped"]))] * count
    else:
        fates = [_result_fate(result) for result in expected.get("results", ())]
    owners = [
        number
        for number, fate in enumerate(fates)
        if fate.kind in ("delivered", "failed") and _was_sent(case, fate)
        for _ in range(_objects_of(ours.payloads[number] if ours.payloads else None))
    ]
    requests = []
    for request in expected["requests"]:
        tagged = _tagged(json.loads(json.dumps(request)), owners)
        owners = owners[len(tagged["items"]) :]
        requests.append(tagged)
    result = expected.get("result", {"error": expected["error"]} if "error" in expected else None)
    return Played(requests=requests, fates=fates, result=result)


UNSAID = "a batch that failed as a whole does not say what it left out"


def _as_sent(fates: list[Fate], whole: Fate, expected: Json, ours: Played) -> list[Fate]:
    """Of a batch that failed as a whole only the request tells which events it held; they are found again by
    their objects. What we sent and it lacks was refused there, what it has besides we refused."""
    bodies = [request.get("json") for request in expected["requests"]]
    if len(bodies) != 1 or len(ours.requests) > 1 or not isinstance(bodies[0], dict):
        return fates
    theirs = next((value for value in bodies[0].values() if isinstance(value, list)), [])
    mine = ours.requests[0]["items"] if ours.requests else []
    if len(theirs) == len(mine):
        return fates
    if len(theirs) > len(mine):
        return [whole if fate.kind == "refused" and not fate.code.startswith("4") else fate for fate in fates]
    found: set[int] = set()
    at = 0
    for item in theirs:
        best = max(range(at, len(mine)), key=lambda index: _likeness(mine[index][1], item), default=None)
        if best is not None:
            found.add(mine[best][0])
            at = best + 1
    refused = Fate(kind="refused", status=400, code="PAYLOAD_VALIDATION_FAILED", message=UNSAID)
    numbers = {number for number, _ in mine}
    return [refused if n in numbers - found else fate for n, fate in enumerate(fates)]


def _likeness(mine: Any, other: Any) -> int:
    if not isinstance(mine, dict) or not isinstance(other, dict):
        return 0
    same = sum(key in other and other[key] == value for key, value in mine.items())
    return 2 * same - len(mine.keys() ^ other.keys())


def _was_sent(case: Json, fate: Fate) -> bool:
    """The original keeps some orders back and blames the partner: too many products, or none."""
    if not case.get("action", "").startswith("trackPurchase"):
        return True
    statuses = [answer.get("status") for answer in case.get("responses") or ()]
    kept_back = fate.code in ("RETRYABLE_ERROR", "PAYLOAD_VALIDATION_FAILED")
    return not kept_back and (fate.status != 413 or 413 in statuses)


def _objects_of(payload: Any) -> int:
    products = payload.get("products") if isinstance(payload, dict) and "name" not in payload else None
    if products is None:
        return 1
    return sum(product is not None for product in products) if isinstance(products, list) else 1


LISTS = ("events", "attributes", "purchases", "user_aliases", "merge_updates", "items")


def _tagged(request: Json, events: Sequence[int]) -> Json:
    """A request whose objects are told apart, each with the number of its event (-1 for nobody's)."""
    body = request.pop("json", None)
    request["array"] = next((name for name in LISTS if isinstance(body, dict) and name in body), "")
    objects = body[request["array"]] if request["array"] else ([] if body is None else [body])
    numbers = [*events, *([-1] * len(objects))]
    return {**request, "items": list(zip(numbers, objects, strict=False))}


def _node_fate(node: Json) -> Fate:
    if node["status"] < 300:
        return Fate(kind="delivered", status=200)
    ours = node.get("errorreporter") == "INTEGRATIONS" or (
        "errorreporter" not in node and node.get("errortype") == "PAYLOAD_VALIDATION_FAILED"
    )
    return Fate(
        kind="refused" if ours else "failed",
        status=node["status"],
        code=node.get("errortype", ""),
        message=node.get("errormessage", ""),
    )


def _result_fate(result: Json) -> Fate:
    if "skipped" in result:
        return Fate(kind="skipped", message=str(result["skipped"]))
    return _error_fate(result["error"]) if "error" in result else Fate(kind="delivered", status=200)


def _own_check(fate: Fate, case: Json) -> Fate:
    """What the ecommerce actions refuse is recorded like what Braze refuses; only the words tell."""
    canned = json.dumps(case.get("responses") or [], ensure_ascii=False)
    if (fate.kind, fate.code) != ("failed", "BAD_REQUEST") or fate.message in canned:
        return fate
    return Fate(kind="refused", status=400, code="PAYLOAD_VALIDATION_FAILED", message=fate.message)


OUR_REFUSALS = frozenset({"AggregateAjvError", "PayloadValidationError", "ValidationError"})


def _error_fate(error: Json) -> Fate:
    """An error of a single send. What the original refused itself has one code: PAYLOAD_VALIDATION_FAILED."""
    status, code = error.get("status", 0), error.get("code", "")
    local = code in ("Missing required fields", "Invalid syncMode", "PAYLOAD_VALIDATION_FAILED")
    if error["name"] in OUR_REFUSALS or (error["name"] == "IntegrationError" and local):
        return Fate(kind="refused", status=400, code="PAYLOAD_VALIDATION_FAILED", message=error["message"])
    if error["name"] in ("HTTPError", "APIError"):
        code = status_code(status)
    return Fate(kind="failed", status=status, code=code, message=error.get("message", ""))


def _parsed(text: str | None) -> triggers.Trigger | None:
    try:
        return triggers.parse(text) if isinstance(text, str) else None
    except InvalidError:
        return None


KEPT_HEADERS = ("authorization", "content-type", "x-braze-batch")


def _plain(request: Request) -> Json:
    plain: Json = {
        "method": request.method,
        "url": request.url,
        "headers": {name: value for name, value in request.headers.items() if name in KEPT_HEADERS},
    }
    if request.body:
        plain["json"] = json.loads(request.body)
    return plain
