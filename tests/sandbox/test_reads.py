"""Lists, details, series, segment exports and cohorts."""

import io
import re
import zipfile

import orjson
import pytest
from tests.sandbox.client import client
from tests.sandbox.furnished import furnished
from tests.sandbox.rules import CLIENTS, LIMITS, OURS, Case, rule, table

from segue.sandbox.person import AppUse
from segue.sandbox.seed import Key, Seed
from segue.sandbox.workspace import Campaign, Canvas, Furnishing, Segment

DAY = 86_400_000
LISTS = "the list endpoints"
SERIES = "the data_series endpoints"
COHORT = {"client_secret": "sandbox-data-import-key", "partner_api_key": "x", "cohort_id": "k1"}


async def world(**options):
    """Two people with a purchase and some events of the last days of 2025."""
    sandbox = furnished(**options)
    event = {"external_id": "u", "name": "Hi", "time": "2025-12-30T10:20:00Z", "app_id": "web"}
    purchase = {"external_id": "u", "product_id": "p", "currency": "USD", "price": 2.5, "quantity": 2}
    await sandbox.track(
        attributes=[{"external_id": "u", "plan": "gold"}, {"external_id": "v"}],
        events=[
            event,
            {**event, "time": "2025-12-30T12:00:00Z"},
            {**event, "external_id": "v", "app_id": "ios"},
        ],
        purchases=[
            {**purchase, "time": "2025-12-30T10:00:00Z"},
            {**purchase, "time": "2025-12-31T10:00:00Z", "product_id": "q", "price": 1},
        ],
    )
    return sandbox


ANSWERS = [
    Case(
        "/campaigns/list without archived ones",
        "D",
        LISTS,
        "/campaigns/list",
        {
            "campaigns": [
                {
                    "id": "c1",
                    "last_edited": "1970-01-01T00:00:02.000Z",
                    "name": "Welcome",
                    "is_api_campaign": True,
                    "tags": ["new"],
                }
            ]
        },
    ),
    Case(
        "/canvas/list",
        "D",
        LISTS,
        "/canvas/list",
        {
            "canvases": [
                {"id": "v1", "last_edited": "1970-01-01T00:00:00.000Z", "name": "Journey", "tags": []}
            ]
        },
    ),
    Case("a page beyond the last is empty", "O", CLIENTS, "/campaigns/list?page=1", {"campaigns": []}),
    Case(
        "/segments/list",
        "D",
        LISTS,
        "/segments/list",
        {
            "segments": [
                {"id": "s1", "name": "Gold", "analytics_tracking_enabled": True, "tags": []},
                {"id": "s2", "name": "All", "analytics_tracking_enabled": True, "tags": []},
            ]
        },
    ),
    Case("/events/list by alphabet", "D", LISTS, "/events/list", {"events": ["Hi"]}),
    Case("/purchases/product_list", "D", LISTS, "/purchases/product_list", {"products": ["p", "q"]}),
    Case(
        "/events with status",
        "D",
        LISTS,
        "/events",
        {
            "events": [
                {
                    "name": "Hi",
                    "description": "",
                    "included_in_analytics_report": False,
                    "status": "Active",
                    "tag_names": [],
                }
            ]
        },
    ),
    Case(
        "/events/data_series by day",
        "D",
        SERIES,
        "/events/data_series?event=Hi&length=2&ending_at=2025-12-31T12:00:00Z",
        {"data": [{"time": "2025-12-30", "count": 3}, {"time": "2025-12-31", "count": 0}]},
    ),
    Case(
        "/events/data_series by hour",
        "D",
        SERIES,
        "/events/data_series?event=Hi&length=2&unit=hour&ending_at=2025-12-30T12:10:00Z",
        {
            "data": [
                {"time": "2025-12-30T11:00:00.000Z", "count": 0},
                {"time": "2025-12-30T12:00:00.000Z", "count": 1},
            ]
        },
    ),
    Case(
        "/events/data_series of one app",
        "D",
        SERIES,
        "/events/data_series?event=Hi&length=1&ending_at=2025-12-30&app_id=ios",
        {"data": [{"time": "2025-12-30", "count": 1}]},
    ),
    Case(
        "/events/data_series of one segment",
        "D",
        SERIES,
        "/events/data_series?event=Hi&length=1&ending_at=2025-12-30&segment_id=s1",
        {"data": [{"time": "2025-12-30", "count": 2}]},
    ),
    Case(
        "/purchases/quantity_series",
        "D",
        SERIES,
        "/purchases/quantity_series?length=2&ending_at=2025-12-31",
        {
            "data": [
                {"time": "2025-12-30", "purchase_quantity": 2},
                {"time": "2025-12-31", "purchase_quantity": 2},
            ]
        },
    ),
    Case(
        "/purchases/revenue_series of one product",
        "D",
        SERIES,
        "/purchases/revenue_series?length=2&ending_at=2025-12-31&product=p",
        {"data": [{"time": "2025-12-30", "revenue": 5.0}, {"time": "2025-12-31", "revenue": 0.0}]},
    ),
    Case(
        "/segments/data_series",
        "D",
        SERIES,
        "/segments/data_series?segment_id=s1&length=1",
        {"data": [{"time": "2026-01-01", "size": 1}]},
    ),
    Case(
        "/sessions/data_series: REST makes none",
        "D",
        SERIES,
        "/sessions/data_series?length=1",
        {"data": [{"time": "2026-01-01", "sessions": 0}]},
    ),
    Case(
        "/kpi/mau/data_series: REST moves it never",
        "D",
        SERIES,
        "/kpi/mau/data_series?length=1",
        {"data": [{"time": "2026-01-01", "mau": 0}]},
    ),
    Case(
        "/kpi/uninstalls/data_series",
        "S",
        OURS,
        "/kpi/uninstalls/data_series?length=1",
        {"data": [{"time": "2026-01-01", "uninstalls": 0}]},
    ),
]


@table(ANSWERS)
async def test_a_read_answers_in_the_documented_shape(given, expected):
    """With message success."""
    answer = await (await world()).get(given)
    assert (answer.status, answer.json) == (200, {"message": "success", **expected})


BAD = [
    Case("length missing", "A", SERIES, "/kpi/dau/data_series", 400, switch="texts"),
    Case("length 0", "A", SERIES, "/kpi/dau/data_series?length=0", 400, switch="texts"),
    Case("length 101", "A", SERIES, "/kpi/dau/data_series?length=101", 400, switch="texts"),
    Case("an unknown unit", "A", SERIES, "/sessions/data_series?length=1&unit=week", 400, switch="texts"),
    Case(
        "an end that is no time",
        "A",
        SERIES,
        "/kpi/dau/data_series?length=1&ending_at=soon",
        400,
        switch="texts",
    ),
    Case(
        "an end at the beginning of time",
        "S",
        OURS,
        "/kpi/dau/data_series?length=100&ending_at=0001-01-03",
        400,
    ),
    Case("no event", "D", SERIES, "/events/data_series?length=1", 400),
    Case("an unknown segment", "A", OURS, "/segments/data_series?segment_id=x&length=1", 400, switch="texts"),
    Case("an unknown campaign's details", "S", OURS, "/campaigns/details?campaign_id=x", 400),
    Case("an unknown canvas's details", "S", OURS, "/canvas/details?canvas_id=x", 400),
    Case("a page that is no number", "S", OURS, "/campaigns/list?page=-1", 400),
    Case("an unknown direction", "S", OURS, "/campaigns/list?sort_direction=up", 400),
]


@table(BAD)
async def test_a_bad_query_is_refused(given, expected):
    """With a message that says what."""
    answer = await (await world()).get(given)
    assert answer.status == expected
    assert answer.json["message"] != "success"


@rule("/campaigns/list: archived on demand, sorted, edited since", "D", LISTS)
async def test_campaigns_are_filtered_and_sorted():
    """Oldest first by default."""
    sandbox = await world()

    async def ids(query):
        answer = await sandbox.get(f"/campaigns/list?include_archived=true{query}")
        return [campaign["id"] for campaign in answer.json["campaigns"]]

    assert await ids("") == ["c0", "c1"]
    assert await ids("&sort_direction=desc") == ["c1", "c0"]
    assert await ids("&last_edit.time[gt]=1970-01-01T00:00:01.500Z") == ["c1"]


LISTED = [
    Case("/campaigns/list: 100 a page", "D", LISTS, ("campaigns/list", "campaigns"), 100),
    Case("/canvas/list: 100 a page", "D", LISTS, ("canvas/list", "canvases"), 100),
    Case("/segments/list: 100 a page", "D", LISTS, ("segments/list", "segments"), 100),
    Case("/events/list: 250 a page", "D", LISTS, ("events/list", "events"), 250),
]


@table(LISTED)
async def test_a_list_comes_in_pages(given, expected):
    """From page 0 on; the one beyond the last is empty."""
    path, key = given
    number = expected + 1
    names = [f"n{place:03}" for place in range(number)]
    workspace = Furnishing(
        campaigns=[Campaign(id=name, name=name, created_at_ms=1) for name in names],
        canvases=[Canvas(id=name, name=name, created_at_ms=1) for name in names],
        segments=[Segment(id=name, name=name) for name in names],
    )
    sandbox = client(seed=Seed(workspaces=[workspace], keys=[Key(key="sandbox")]))
    for start in range(0, number, 75):
        logged = [
            {"external_id": "u", "name": name, "time": "2025-12-01"} for name in names[start : start + 75]
        ]
        await sandbox.track(events=logged[::-1])
    pages = [(await sandbox.get(f"/{path}?page={page}")).json[key] for page in range(3)]
    assert [[one if isinstance(one, str) else one["id"] for one in page] for page in pages] == [
        names[:expected],
        names[expected:],
        [],
    ]
    assert (await sandbox.get(f"/{path}")).json[key] == pages[0]


@rule("/canvas/list and /segments/list: archived, sorted and edited as campaigns are", "D", LISTS)
async def test_canvases_and_segments_are_filtered_and_sorted():
    """Segments know no archive."""
    canvases = [
        Canvas(id=name, name=name, archived=name == "b", created_at_ms=at, updated_at_ms=at)
        for at, name in ((1_000, "a"), (2_000, "b"), (3_000, "c"))
    ]
    workspace = Furnishing(canvases=canvases, segments=[Segment(id=name, name=name) for name in "xy"])
    sandbox = client(seed=Seed(workspaces=[workspace], keys=[Key(key="sandbox")]))

    async def ids(path, key, query=""):
        return "".join(one["id"] for one in (await sandbox.get(f"/{path}/list?{query}")).json[key])

    assert await ids("canvas", "canvases") == "ac"
    assert await ids("canvas", "canvases", "include_archived=true&sort_direction=desc") == "cba"
    assert await ids("canvas", "canvases", "last_edit.time[gt]=1970-01-01T00:00:01Z") == "c"
    assert await ids("segments", "segments") == "xy"
    assert await ids("segments", "segments", "sort_direction=desc") == "yx"
    assert await ids("segments", "segments", "sort_direction=asc") == "xy"


DETAILS = """
message created_at updated_at archived draft enabled has_post_launch_draft name description schedule_type
channels first_sent last_sent tags teams messages conversion_behaviors
"""


@rule("/campaigns/details has every member the page prints", "D", LISTS)
async def test_campaign_details_are_complete():
    """Variations with their channel and name, what counts as conversion, when it was sent."""
    written = {"v1": {"channel": "email", "name": "First"}}
    campaign = Campaign(id="c", name="C", messages=written, conversion_event="Paid", created_at_ms=1)
    workspace = Furnishing(campaigns=[campaign])
    sandbox = client(seed=Seed(workspaces=[workspace], keys=[Key(key="sandbox")]))
    path = "/campaigns/details?campaign_id=c&post_launch_draft_version=true"
    answer = await sandbox.get(path)
    assert answer.json.keys() == set(DETAILS.split())
    assert answer.json["messages"] == written
    (behavior,) = answer.json["conversion_behaviors"]
    assert (behavior["type"], behavior["window"]) == ("Performs Custom Event", 3 * 86_400)
    assert (answer.json["first_sent"], answer.json["last_sent"]) == (None, None)
    await sandbox.track(attributes=[{"external_id": "u", "email": "a@b.co"}])
    await sandbox.post("/campaigns/trigger/send", {"campaign_id": "c", "broadcast": True})
    sandbox.time.ms += DAY
    await sandbox.post("/campaigns/trigger/send", {"campaign_id": "c", "broadcast": True})
    answer = await sandbox.get(path)
    assert (answer.json["first_sent"][:10], answer.json["last_sent"][:10]) == ("2026-01-01", "2026-01-02")


SERIES_KEYS = {
    "events/data_series?event=Hi&": "count",
    "purchases/revenue_series?": "revenue",
    "purchases/quantity_series?": "purchase_quantity",
    "kpi/dau/data_series?": "dau",
    "kpi/mau/data_series?": "mau",
    "kpi/new_users/data_series?": "new_users",
    "kpi/uninstalls/data_series?": "uninstalls",
    "sessions/data_series?": "sessions",
}


@table(
    [
        Case(f"/{path.partition('?')[0]}: 1 to 100 points of time and {key}", "D", SERIES, path, key)
        for path, key in SERIES_KEYS.items()
    ]
)
async def test_a_series_has_one_to_a_hundred_points(given, expected):
    """They end with ending_at, or with today; 0, 101 and none are refused."""
    sandbox = await world()
    for length in (1, 100):
        answer = await sandbox.get(f"/{given}length={length}")
        assert answer.json["message"] == "success"
        points = answer.json["data"]
        assert (len(points), points[-1]["time"], points[0].keys()) == (
            length,
            "2026-01-01",
            {"time", expected},
        )
        ended = (await sandbox.get(f"/{given}length={length}&ending_at=2025-12-30T23:59:59Z")).json["data"]
        assert ended[-1]["time"] == "2025-12-30"
    for query in ("length=0", "length=101", "length=x", ""):
        answer = await sandbox.get(f"/{given}{query}")
        assert (answer.status, answer.json) == (400, {"message": "'length' must be between 1 and 100"})


HOURLY = [path for path in SERIES_KEYS if not path.startswith("kpi")]


@rule("series of events, purchases and sessions by hour; of kpi by day only", "D", SERIES)
async def test_series_by_hour():
    """An hour is told as a moment."""
    sandbox = await world()
    for path in SERIES_KEYS:
        answer = await sandbox.get(f"/{path}length=2&unit=hour&ending_at=2025-12-30T10:59:00Z")
        if path in HOURLY:
            times = [point["time"] for point in answer.json["data"]]
            assert times == ["2025-12-30T09:00:00.000Z", "2025-12-30T10:00:00.000Z"]
        else:
            assert (answer.status, answer.json) == (400, {"message": "'unit' must be 'day' or 'hour'"})


@rule("revenue and quantity of one app; of all products where none is named", "D", SERIES)
async def test_purchases_of_one_app():
    """By the app_id of the purchase."""
    sandbox = await world()
    bought = {"external_id": "u", "product_id": "p", "currency": "USD", "price": 3, "time": "2025-12-31"}
    await sandbox.track(purchases=[{**bought, "app_id": "web"}])

    async def shown(path, key, more=""):
        answer = await sandbox.get(f"/purchases/{path}_series?length=1&ending_at=2025-12-31{more}")
        return answer.json["data"][0][key]

    assert (await shown("revenue", "revenue"), await shown("revenue", "revenue", "&app_id=web")) == (5.0, 3.0)
    quantities = [
        await shown("quantity", "purchase_quantity", more) for more in ("", "&product=q", "&app_id=web")
    ]
    assert quantities == [3, 2, 1]


@rule("/campaigns/details, /canvas/details, /segments/details", "D", LISTS)
@pytest.mark.parametrize(
    "path",
    ["campaigns/details?campaign_id=c1", "canvas/details?canvas_id=v1", "segments/details?segment_id=s1"],
)
async def test_details_name_what_they_are_about(path):
    """Name, tags and dates."""
    answer = await (await world()).get(f"/{path}")
    assert answer.status == 200
    assert {
        "message",
        "created_at",
        "updated_at",
        "name",
        "description",
        "tags",
        "teams",
    } <= answer.json.keys()


@rule("/events and /custom_attributes in pages of 50 by the Link header", "D", LISTS)
@pytest.mark.parametrize(("path", "key"), [("/events", "events"), ("/custom_attributes", "attributes")])
async def test_names_are_listed_by_cursor(path, key):
    """Until there is no next."""
    sandbox = furnished()
    names = [f"n{number:02}" for number in range(70)]
    await sandbox.track(events=[{"external_id": "u", "name": name, "time": "2025-12-01"} for name in names])
    await sandbox.track(attributes=[{"external_id": "u", **dict.fromkeys(names, 1)}])
    first = await sandbox.get(path)
    assert first.headers["link"] == f'<http://localhost{path}?cursor=50>; rel="next"'
    second = await sandbox.get(f"{path}?cursor=50")
    assert [entry["name"] for entry in first.json[key] + second.json[key]] == names
    assert "link" not in second.headers


@rule(
    "MAU: different people with a session in 30 days; DAU: that day; new: first session",
    "D",
    "Home dashboard",
)
async def test_active_users_follow_sessions():
    """Sessions come from a device; here they are put in place by hand."""
    sandbox = await world()
    workspace = sandbox.app.world.workspaces["sandbox"]
    people, today = workspace.people, sandbox.time.ms // DAY
    for name, days in (("u", {today: 2, today - 40: 1}), ("v", {today - 1: 1})):
        person = people.by_external_id(name)
        person.apps["web"] = AppUse("web", sum(days.values()), min(days) * DAY, max(days) * DAY, days)
        workspace.registry.sessions += sum(days.values())

    async def figures(path, key):
        answer = await sandbox.get(f"/{path}/data_series?length=3")
        return [point[key] for point in answer.json["data"]]

    assert await figures("kpi/dau", "dau") == [0, 1, 1]
    assert await figures("kpi/mau", "mau") == [0, 1, 2]
    assert await figures("kpi/new_users", "new_users") == [0, 1, 0]
    assert await figures("sessions", "sessions") == [0, 1, 2]


# -- exports of segments


@rule("a segment's profiles as a zip, one JSON a line", "D", "Export user profile by segment")
async def test_a_segment_is_exported():
    """The answer names the file, which the sandbox itself serves."""
    sandbox = await world()
    body = {"segment_id": "s1", "fields_to_export": ["external_id", "custom_attributes"]}
    answer = await sandbox.post("/users/export/segment", body)
    assert (answer.status, answer.json["message"]) == (201, "success")
    assert answer.json["object_prefix"].endswith(f"-{sandbox.time.ms // 1000}")
    fetched = await sandbox.get(answer.json["url"].removeprefix("http://localhost"))
    assert fetched.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(fetched.body)) as archive:
        lines = archive.read(archive.namelist()[0]).splitlines()
    assert [orjson.loads(line) for line in lines] == [
        {"external_id": "u", "custom_attributes": {"plan": "gold"}}
    ]


@rule("only the wanted custom attributes are exported", "D", "Export user profile by segment")
async def test_an_export_can_name_custom_attributes():
    """At most 500."""
    sandbox = await world()
    body = {"segment_id": "s2", "fields_to_export": ["external_id"], "custom_attributes_to_export": ["plan"]}
    assert (await sandbox.post("/users/export/segment", body)).status == 201
    body["custom_attributes_to_export"] = ["a"] * 501
    assert (await sandbox.post("/users/export/segment", body)).status == 400


@rule("one export of a segment at a time: the second is 429", "D", "Export user profile by segment")
async def test_one_export_of_a_segment_runs_at_a_time():
    """Another segment's may run beside it."""
    sandbox = await world(switches={"segment_export_ms": 1_000})
    fields = {"fields_to_export": ["external_id"]}
    statuses = [
        (await sandbox.post("/users/export/segment", {"segment_id": segment, **fields})).status
        for segment in ("s1", "s1", "s2", "nope")
    ]
    assert statuses == [201, 429, 201, 400]
    sandbox.time.ms += 1_000
    assert (await sandbox.post("/users/export/segment", {"segment_id": "s1", **fields})).status == 201


@rule("the global control group is exported alike", "D", "Export user profile by global control group")
async def test_the_control_group_is_exported():
    """Without a segment."""
    sandbox = await world()
    path = "/users/export/global_control_group"
    assert (await sandbox.post(path, {"fields_to_export": ["email"]})).status == 201
    assert (await sandbox.post(path, {})).status == 400


@rule(
    "a segment's files hold 5,000 users each; 500 custom attributes can be named",
    "D",
    "Export user profile by segment",
)
async def test_an_export_is_split_into_files():
    """One zip of them."""
    sandbox = await world()
    people = sandbox.app.world.workspaces["sandbox"].people
    for number in range(4_999):
        people.create(sandbox.time.ms, external_id=f"n{number}")
    body = {
        "segment_id": "s2",
        "fields_to_export": ["external_id"],
        "custom_attributes_to_export": [f"a{number}" for number in range(500)],
        "output_format": "zip",
    }
    answer = await sandbox.post("/users/export/segment", body)
    assert re.fullmatch(r"[0-9a-f-]{36}-\d+", answer.json["object_prefix"])
    fetched = await sandbox.get(answer.json["url"].removeprefix("http://localhost"))
    with zipfile.ZipFile(io.BytesIO(fetched.body)) as archive:
        assert [len(archive.read(name).splitlines()) for name in archive.namelist()] == [5_000, 1]


# -- cohorts


@rule("a partner makes a cohort and changes its members", "O", CLIENTS)
async def test_a_partner_keeps_a_cohort():
    """By external id, alias or device; unknown people are passed over."""
    sandbox = await world()
    await sandbox.post(
        "/users/alias/new", {"user_aliases": [{"external_id": "v", "alias_name": "a", "alias_label": "x"}]}
    )
    sandbox.key = ""
    answer = await sandbox.post(
        "/partners/segment/cohorts", {**COHORT, "name": "VIP", "created_at": "2026-01-01"}
    )
    assert answer.json == {"message": "success"}

    async def members(*changes):
        answer = await sandbox.post(
            "/partners/segment/cohorts/users", {**COHORT, "cohort_changes": list(changes)}
        )
        assert (answer.status, answer.json) == (201, {"message": "success"})
        return [name for name in "uv" if (await sandbox.person(name))["cohorts"] == ["k1"]]

    alias = {"alias_name": "a", "alias_label": "x"}
    assert await members({"user_ids": ["u", "nobody"], "aliases": [alias]}) == ["u", "v"]
    assert await members({"user_ids": ["u"]}, {"aliases": [alias], "should_remove": True}) == ["u"]
    assert await members() == ["u"]


@rule("a partner names people by device; the calls cost no data points", "O", CLIENTS)
async def test_a_partner_names_people_by_device():
    """Of push tokens as of SDKs; an empty change list for a cohort nobody made is a success."""
    sandbox = await world()
    token = {"app_id": "sandbox-app", "token": "t", "device_id": "device-1"}
    await sandbox.track(attributes=[{"external_id": "v", "push_tokens": [token]}])
    points = (await sandbox.totals())["data_points"]
    changes = [{"device_ids": ["device-1", "device-2", 7]}]
    for body in ({"cohort_id": "dummy", "cohort_changes": []}, {"cohort_changes": changes}):
        answer = await sandbox.post("/partners/segment/cohorts/users", {**COHORT, **body})
        assert (answer.status, answer.json) == (201, {"message": "success"})
    assert [(await sandbox.person(name))["cohorts"] for name in "uv"] == [[], ["k1"]]
    assert (await sandbox.totals())["data_points"] == points


@rule("a wrong client_secret: 401", "A", OURS, switch="statuses")
async def test_a_partner_needs_the_secret():
    """For both endpoints; a REST key is no help."""
    sandbox = await world()
    for path in ("/partners/segment/cohorts", "/partners/segment/cohorts/users"):
        answer = await sandbox.post(
            path, {**COHORT, "client_secret": "other", "name": "VIP", "cohort_changes": []}
        )
        assert answer.status == 401


@rule("reads share 250,000 an hour; event and product reads 1,000", "D", LIMITS)
async def test_reads_are_limited():
    """By bucket."""
    sandbox = await world()
    found = [
        (await sandbox.get(path)).headers["x-ratelimit-limit"]
        for path in ("/campaigns/list", "/events/list", "/purchases/product_list")
    ]
    assert found == ["250000", "1000", "1000"]
