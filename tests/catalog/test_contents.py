"""The catalogue's list, and pages of installed packages."""

from importlib.metadata import EntryPoint

from segue.catalog import segment
from segue.catalog.contents import CONTENTS, GROUP, catalogue, load
from segue.catalog.webhook import WEBHOOK
from segue.kit.partner import Destination

OURS = ["braze", "braze-web", "braze-mobile", "braze-classic", "braze-classic-web", "webhook"]
ANOTHER = Destination(slug="another", title="Another", description="A page.", settings={}, actions=())


def entry(value: str, name: str = "x") -> EntryPoint:
    return EntryPoint(name=name, value=f"tests.catalog.test_contents:{value}", group=GROUP)


def test_the_catalogue_lists_our_pages_by_slug() -> None:
    """Reading the list is reading the product."""
    assert list(catalogue())[:6] == [page.slug for page in CONTENTS] == OURS


def test_a_package_adds_a_page_by_entry_point() -> None:
    """Nothing of ours changes for it."""
    pages, faults = load([entry("ANOTHER")])
    assert pages["another"] is ANOTHER
    assert faults == []


def test_a_broken_package_is_a_fault_that_names_it_and_the_rest_works() -> None:
    """A module that is missing, an object that is no page, a slug that is taken."""
    missing = EntryPoint(name="m", value="segue_no_such_package:PAGE", group=GROUP)
    pages, faults = load([missing, entry("entry", "wrong"), entry("WEBHOOK", "taken"), entry("ANOTHER")])
    assert set(pages) == {*OURS, "another"}
    assert pages["webhook"] is WEBHOOK
    assert [fault.place for fault in faults] == [
        "packages.segue_no_such_package",
        "packages.tests.catalog.test_contents",
        "packages.tests.catalog.test_contents",
    ]
    assert all(fault.warning for fault in faults)
    assert "ModuleNotFoundError" in faults[0].problem


def test_the_tracking_spec_knows_its_events_and_types() -> None:
    """What the console offers in triggers and mappings."""
    assert "products" in segment.EVENTS["Order Completed"]
    assert segment.type_of("products") == "list"
    assert segment.type_of("price") == "number"
    assert segment.type_of("coupon") == "text"
    assert segment.TRAITS["birthday"] == "date"
    assert segment.GROUP_TRAITS["employees"] == "number"
