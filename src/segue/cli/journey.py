"""The journey of one event, printed: as text for people, as plain data for machines."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson
from rich.text import Text
from rich.tree import Tree

from segue.cli.show import literal, out, plural, printable
from segue.model.delivery import Request, Response
from segue.runtime.desk import DestinationPreview, FilterTruth, Journey, SubscriptionPreview, Truth, is_absent

SHORT: Final = 100
SECRET_HEADERS: Final = frozenset({"authorization", "x-segue-signature"})


def print_journey(journey: Journey, answers: Sequence[Sequence[Response]], *, every: bool = False) -> None:
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
    if not journey.destinations:
        out.print("[yellow]No enabled destination belongs to this source.[/]")
    for destination, replies in zip(journey.destinations, answers, strict=True):
        out.print()
        out.print(_tree(destination, every))
        for index, request in enumerate(destination.requests):
            _print_request(request)
            if index < len(replies):
                _print_response(replies[index])


def as_data(journey: Journey, answers: Sequence[Sequence[Response]]) -> dict[str, Any]:
    """The same as plain data; secrets in headers are masked."""
    return {
        "event": journey.event,
        "person": journey.person,
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
                    {"status": reply.status, "error": reply.error, "body": readable(reply.body)}
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
    if destination.message:
        tree.add(Text(destination.message, "yellow"))
    for judged in destination.filters:
        name = judged.title or judged.id
        branch = tree.add(Text(f"filter   {name}: {judged.condition}", "dim"))
        for line in judged.truth:
            _add_truth(branch, line)
        if judged.problem:
            branch.add(Text(judged.problem, "red"))
    for deed in destination.changes:
        tree.add(Text(f"filter   {deed.filter} {deed.action}: {deed.effect}", "yellow"))
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


def _add_truth(tree: Tree, line: Truth | FilterTruth) -> None:
    sign = ("✓", "green") if line.result else ("✗", "red")
    text = Text.assemble(sign, " ", line.text)
    if not line.children:
        text.append(f"   found {short(line.actual)}", "dim")
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
        branch.add(Text.assemble(("note  ", "yellow"), f"{field}: {sentence}"))


def _print_request(request: Request) -> None:
    out.print(f"\n[bold]{request.method} {literal(request.url)}[/]", soft_wrap=True)
    for name, value in shown_headers(request.headers).items():
        out.print(f"{name}: {printable(value)}", style="dim", markup=False)
    body = readable(request.body)
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() if body is not None else ""
    out.print(text, markup=False, soft_wrap=True)


def _print_response(response: Response) -> None:
    if response.error:
        out.print(f"[red]no answer: {response.error}[/]")
        return
    colour = "green" if response.status < 300 else "red"
    out.print(f"[{colour}]answer {response.status}[/] ", end="")
    out.print(printable(response.body.decode("utf-8", "replace")), markup=False, soft_wrap=True)


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
    children = {"of": [truth_data(child) for child in line.children]} if line.children else {}
    return {"text": line.text, "holds": line.result, **found, **children}


def short(value: Any) -> str:
    """A value in a few words."""
    if is_absent(value):
        return "nothing"
    try:
        text = orjson.dumps(msgspec.to_builtins(value)).decode()
    except (TypeError, ValueError):
        text = str(value)
    return printable(text if len(text) <= SHORT else text[: SHORT - 1] + "…")
