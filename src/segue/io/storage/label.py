"""Labels: what many receipts have in common, told once; and the numbers of requests.

All calls come from the database's thread.
"""

from typing import Final

from segue.io.storage.database import Session

LARGEST: Final = 1 << 62

Label = tuple[str, str, str, str, int]
"""subscription, action, result, reason, status."""


class Labels:
    """The table ``label``."""

    def __init__(self) -> None:
        self._numbers: dict[Label, int] | None = None
        self._labels: dict[int, Label] = {}

    def number(self, session: Session, label: Label) -> int:
        """The number of a label; a new one is added."""
        known = self._known(session)
        number = known.get(label)
        if number is None:
            number = known[label] = max(known.values(), default=0) + 1
            session.execute(
                """INSERT INTO label(id, subscription, action, result, reason, status)
                VALUES (?, ?, ?, ?, ?, ?)""",
                (number, *label),
            )
        return number

    def told(self, session: Session, number: int) -> Label:
        """The label with this number."""
        if number not in self._labels:
            self._labels = {each: label for label, each in self._known(session).items()}
        return self._labels[number]

    def recall(self) -> None:
        """A transaction was undone: trust only what is in the database."""
        self._numbers = None
        self._labels = {}

    def _known(self, session: Session) -> dict[Label, int]:
        if self._numbers is None:
            rows = session.execute("SELECT id, subscription, action, result, reason, status FROM label")
            self._numbers = {(*texts, status): number for number, *texts, status in rows}
        return self._numbers


def request_number(session: Session, request: str) -> int:
    """A request id as a number: itself when it is one, 0 for none, else a name's number, negative."""
    if not request:
        return 0
    if request.isdecimal() and request[0] != "0" and (number := int(request)) < LARGEST:
        return number
    session.execute("INSERT INTO request(name) VALUES (?) ON CONFLICT DO NOTHING", (request,))
    return -int(session.execute("SELECT id FROM request WHERE name = ?", (request,))[0][0])


def request_name(session: Session, number: int) -> str:
    """The id of a request, from its number."""
    if number >= 0:
        return str(number or "")
    return str(session.execute("SELECT name FROM request WHERE id = ?", (-number,))[0][0])
