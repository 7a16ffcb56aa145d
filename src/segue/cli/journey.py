"""The journey of one event, printed: as text for people, as plain data for machines."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson
from rich.text import Text
from rich.tree import Tree

from segue.cli.show import literal, out, plural, printable
from segue.model.delivery import Request
from segue.runtime.desk import (
    Answer,
    Deed,
    DestinationPreview,
    FilterTruth,
    Journey,
    Judged,
    SubscriptionPreview,
    Truth,
    is_absent,
)

SHORT: Final = 100
BY_RULES: Final = "FILTERED_BY_RULES"
"""The filters below say which of them, and why."""

SECRET_HEADERS: Final = frozenset({"authorization", "x-segue-signature"})


def print_journey(journey: Journey, answers: Sequence[Sequence[Answer]], *, every: bool = False) -> None:
    """Print what each destination makes of the event, step by step.

    every  also the steps that gave nothing and the subscriptions that do not match, condition by condition
    """
    event = journey.event
    name = f"{event['type']} {event.get('event') or event.get('name') or ''}".strip()
    who, message_id = literal(journey.person or "nobody"), literal(event["messageId"])
    out.print(f"[bold]{literal(name)}[/] of {who}, messageId {message_id}", soft_wrap=True)
    if len(journey.people) > 1:
        others = printable(", ".join(journey.people[1:]))
        out.print(f"  keeps its order with {others}", style="dim", markup=False)
    if journey.unknown:
        names = ", ".join(f'"{name}"' for name in journey.unknown)
        text = f"its integrations object names {names}: no enabled destination of this source answers to that"
        out.print(f"  {printable(text)}", style="yellow", markup=False, soft_wrap=True)
    if not journey.destinations:
        out.print("[yellow]No enabled destination belongs to this source.[/]")
    for destination, replies in zip(journey.destinations, answers, strict=True):
        out.print()
        out.print(_tree(destination, every))
        for index, request in enumerate(destination.requests):
            _print_request(request)
            if index < len(replies):
                _print_answer(replies[index], request)


def as_data(journey: Journey, answers: Sequence[Sequence[Answer]]) -> dict[str, Any]:
    """The same as plain data; secrets in headers are masked."""
    return {
        "event": journey.event,
        "person": journey.person,
        "unknown_integrations": journey.unknown,
        "destinations": [
            {
                "id": each.id,
                "reason": each.reason,
                "message": each.message,
                "filters": [
                    {
                        "id": judged.id,
                        "title": judged.title,
                        "if": judged.condition,
                        "matched": judged.matched,
                        "problem": judged.problem,
                        "truth": [truth_data(line) for line in judged.truth],
                    }
                    for judged in each.filters
                ],
                "changes": [
                    {"filter": deed.filter, "action": deed.action, "effect": deed.effect}
                    for deed in each.changes
                ],
                "removed": each.removed,
                "subscriptions": [subscription_data(one) for one in each.subscriptions],
                "requests": [
                    {
                        "method": request.method,
                        "url": request.url,
                        "headers": shown_headers(request.headers),
                        "body": readable(request.body),
                    }
                    for request in each.requests
                ],
                "answers": [
                    {
                        "status": reply.response.status,
                        "error": reply.response.error,
                        "body": readable(reply.response.body),
                        "outcome": reply.outcome.verdict,
                        "code": reply.outcome.code,
                        "message": reply.outcome.message,
                    }
                    for reply in replies
                ],
            }
            for each, replies in zip(journey.destinations, answers, strict=True)
        ],
    }


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers without their secrets."""
    return {name: "***" if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}


def readable(body: bytes) -> Any:
    """A body as JSON when it is JSON, else as text."""
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


def _tree(destination: DestinationPreview, every: bool) -> Tree:
    if destination.requests:
        verdict = "[green]sends[/]"
    else:
        died = any(each.result == "dead" for each in destination.subscriptions)
        reason = destination.reason or ("it would be a dead letter" if died else "no subscription sends it")
        verdict = f"[yellow]nothing is sent: {reason}[/]"
    tree = Tree(f"[bold]{destination.name}[/] {verdict}")
    is_told = any(judged.problem for judged in destination.filters) or destination.changes
    if destination.message and not (destination.reason == BY_RULES and is_told):
        tree.add(Text(destination.message, "yellow"))
    for judged in destination.filters:
        _add_filter(tree, judged, [deed for deed in destination.changes if deed.filter == named(judged)])
    if destination.removed:
        tree.add(Text(f"removed  {printable(', '.join(destination.removed))}", "yellow"))
    for subscription in destination.subscriptions:
        colour = {"sends": "green", "on the device": "green", "dead": "red", "filtered": "yellow"}.get(
            subscription.result, "dim"
        )
        label = Text.from_markup(f"[{colour}]{subscription.result}[/] [bold]{subscription.id}[/] ")
        label.append(f"({subscription.action})")
        if subscription.reason:
            label.append(f" {subscription.reason}")
        branch = tree.add(label)
        if subscription.message:
            branch.add(Text(printable(subscription.message), "red"))
        trigger = branch.add(Text(f"trigger  {subscription.trigger}", "dim"))
        for condition in subscription.truth:
            _add_truth(trigger, condition)
        _add_steps(branch, subscription, every)
    return tree


def named(judged: Judged) -> str:
    """What a filter is called in what it did."""
    return judged.title or judged.id


def _add_filter(tree: Tree, judged: Judged, deeds: Sequence[Deed]) -> None:
    if judged.problem:
        verdict = (f"cannot be evaluated, so the event is not sent: {judged.problem}", "red")
    elif not judged.matched:
        verdict = ("does not concern this event", "dim")
    else:
        done = "; ".join(f"{deed.action} {deed.effect}" for deed in deeds)
        verdict = (done or "concerns this event, and changes nothing", "yellow" if done else "dim")
    branch = tree.add(Text.assemble(f"filter   {printable(named(judged))}: ", verdict))
    condition = branch.add(Text(f"if  {judged.condition}", "dim"))
    for line in judged.truth:
        _add_truth(condition, line)


def _add_truth(tree: Tree, line: Truth | FilterTruth) -> None:
    sign = ("✓", "green") if line.result else ("✗", "red")
    text = Text.assemble(sign, " ", line.text)
    if not line.children:
        is_none = is_absent(line.actual) or (line.actual is None and isinstance(line, FilterTruth))
        text.append(f"   found {'nothing' if is_none else short(line.actual)}", "dim")
    branch = tree.add(text)
    for child in line.children:
        _add_truth(branch, child)


def _add_steps(branch: Tree, subscription: SubscriptionPreview, every: bool) -> None:
    if not subscription.matched:
        return
    steps = [step for step in subscription.steps if step.directive]
    shown = [step for step in steps if every or step.error or not is_absent(step.output)]
    left_out = f", {len(steps) - len(shown)} of them gave nothing (--all)" if len(shown) < len(steps) else ""
    mapping = branch.add(Text(f"mapping  {plural(len(steps), 'step')}{left_out}", "dim"))
    for step in shown:
        written = short(step.input) if every or isinstance(step.input, str) else "…"
        text = Text.assemble((step.pointer, "cyan"), f" {step.directive} {written} → ")
        text.append(step.error or short(step.output), "red" if step.error else "")
        mapping.add(text)
    for field, before, after in subscription.coerced:
        branch.add(Text.assemble(("coerced  ", "yellow"), f"{field}: {short(before)} → {short(after)}"))
    for field, sentence in subscription.notes:
        branch.add(Text.assemble(("note  ", "yellow"), f"{field}: {sentence}" if field else sentence))


def _print_request(request: Request) -> None:
    out.print(f"\n[bold]{request.method} {literal(request.url)}[/]", soft_wrap=True)
    for name, value in shown_headers(request.headers).items():
        out.print(f"{name}: {printable(value)}", style="dim", markup=False)
    body = readable(request.body)
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() if body is not None else ""
    out.print(text, markup=False, soft_wrap=True)


_MEANS: Final[Mapping[str, tuple[str, str]]] = {
    "delivered": ("green", "delivered"),
    "rejected": ("red", "refused for good: it would be a dead letter"),
    "batch-rejected": ("red", "refused: in a batch Segue would look for the row that is to blame"),
    "apart": ("yellow", "refused together: each row would be sent again by itself"),
    "retry": ("yellow", "not taken now: it would be sent again"),
    "hold": ("yellow", "the partner has trouble: the destination would wait, and nothing is lost"),
}
"""Verdict of an answer -> colour and words."""


def _print_answer(answer: Answer, request: Request) -> None:
    response, outcome = answer.response, answer.outcome
    if response.error:
        out.print(f"[red]no answer: {response.error}[/]")
        if response.error == "ECONNREFUSED" and "//127.0.0.1:" in request.url:
            out.print("  nobody listens there: start the sandbox with `segue run` or `segue sandbox`")
    else:
        colour = "green" if response.status < 300 else "red"
        out.print(f"[{colour}]answer {response.status}[/] ", end="")
        out.print(printable(response.body.decode("utf-8", "replace")), markup=False, soft_wrap=True)
    colour, words = _MEANS[outcome.verdict]
    said = "".join(f" {each}" for each in (outcome.code, outcome.message) if each)
    out.print(Text.assemble(("→ ", colour), (words, colour), printable(said)), soft_wrap=True)


def subscription_data(one: SubscriptionPreview) -> dict[str, Any]:
    """What one subscription made of an event, as plain data."""
    return {
        "id": one.id,
        "action": one.action,
        "trigger": one.trigger,
        "matched": one.matched,
        "result": one.result,
        "reason": one.reason,
        "message": one.message,
        "truth": [truth_data(line) for line in one.truth],
        "steps": [
            {
                "pointer": step.pointer,
                "directive": step.directive,
                "input": step.input,
                **({} if is_absent(step.output) else {"output": step.output}),
                **({"error": step.error} if step.error else {}),
            }
            for step in one.steps
        ],
        "payload": one.payload,
        "coerced": [{"field": field, "from": before, "to": after} for field, before, after in one.coerced],
        "notes": [{"field": field, "note": sentence} for field, sentence in one.notes],
        "items": one.items,
    }


def truth_data(line: Truth | FilterTruth) -> dict[str, Any]:
    """A line of a truth table as plain data."""
    found = {} if is_absent(line.actual) or line.children else {"found": line.actual}
    problem = {"problem": line.problem} if isinstance(line, FilterTruth) and line.problem else {}
    children = {"of": [truth_data(child) for child in line.children]} if line.children else {}
    return {"text": line.text, "holds": line.result, **found, **problem, **children}


def short(value: Any) -> str:
    """A value in a few words."""
    if is_absent(value):
        return "nothing"
    try:
        text = orjson.dumps(msgspec.to_builtins(value)).decode()
    except (TypeError, ValueError):
        text = str(value)
    return printable(text if len(text) <= SHORT else text[: SHORT - 1] + "…")
