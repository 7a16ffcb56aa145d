"""The two fields with which a mapping steers its own batches; they are never sent.

Source  Segment docs, "Braze Cloud Mode (Actions)", "Batching", read 2026-11-24
"""

from typing import Final

from segue.kit.field import Field

FIELDS: Final = ("enable_batching", "batch_size")


def fields(
    most: int,
    *,
    minimum: int = 0,
    required: bool = False,
    hidden: bool = True,
    labels: tuple[str, str] = ("Batch Data to Braze", "Batch Size"),
) -> dict[str, Field]:
    """``enable_batching`` and ``batch_size`` for an action that takes up to `most` objects a request.

    minimum  smallest batch size; with 0 the size has no bounds, as published
    hidden   the size is not shown at the console
    """
    return {
        "enable_batching": Field(
            "boolean",
            label=labels[0],
            help="Collects events into fewer, larger requests, which keeps you clear of Braze's rate limits.",
            required=required,
            default=True,
        ),
        "batch_size": Field(
            "number",
            label=labels[1],
            help="The most events that travel in one request.",
            required=required,
            default=most,
            minimum=minimum,
            maximum=most if minimum else 0,
            hidden=hidden,
        ),
    }
