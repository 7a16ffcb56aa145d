"""Rows for the engine's tests."""

from segue.model.delivery import Row


def row(
    offset: int = 0, *, person: str = "u:1", action: str = "track", items: int = 1, size: int = 10
) -> Row:
    """A row at an offset of lane 0 with so many objects of so many bytes each."""
    return Row(
        destination="braze",
        subscription=action,
        action=action,
        lane=0,
        offset=offset,
        order=offset,
        person=person,
        message_id=f"m{offset}",
        kind="track",
        items=(b"x" * size,) * items,
    )
