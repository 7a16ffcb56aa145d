// The segment builder: groups of filters become the JSON of POST /_sandbox/segments, counted as you type.
const builder = document.querySelector("[data-builder]");
const part = name => builder.querySelector(`[data-${name}]`);
const kinds = JSON.parse(part("kinds").textContent);
const known = JSON.parse(part("known").textContent);
const byName = Object.fromEntries(kinds.map(kind => [kind.name, kind]));
const query = builder.dataset.query;

const names = {
  custom_event: "event", first_custom_event: "event", last_custom_event: "event", custom_event_in_days: "event",
  event_property_in_days: "event", purchased_product: "product", first_purchased_product: "product",
  last_purchased_product: "product", product_in_days: "product", purchase_property_in_days: "product",
  boolean_attribute: "attribute", number_attribute: "attribute", text_attribute: "attribute",
  array_attribute: "attribute", time_attribute: "attribute", nested_attribute: "attribute", segment: "segment",
  subscription_group: "group", cohort: "cohort", received_campaign: "campaign",
};
for (const [kind, found] of Object.entries(known)) {
  const list = element("datalist", { id: `known-${kind}` }, found.map(name => element("option", { value: name })));
  builder.append(list);
}

function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  made.append(...[].concat(children));
  return made;
}

function labelled(text, field) {
  return element("label", {}, [text, field]);
}

function addRow(group) {
  const kind = element("select", { "data-kind": true, "aria-label": "Filter" }, kinds.map(one =>
    element("option", { value: one.name }, one.title + (one.cloud ? "" : " (device SDK only)"))));
  const rest = element("span", { class: "row", "data-rest": true });
  const remove = element("button", { type: "button", class: "light", "aria-label": "Remove this filter" }, "Remove");
  const row = element("div", { class: "row", "data-row": true }, [labelled("Filter", kind), rest, remove]);
  remove.addEventListener("click", () => { row.remove(); changed(); });
  kind.addEventListener("change", () => { fill(kind.value, rest); changed(); });
  group.querySelector("[data-rows]").append(row);
  fill(kind.value, rest);
}

function fill(name, rest) {
  const kind = byName[name];
  const fields = [];
  const wants = kind.needs;
  if (wants.includes("name") || name.startsWith("sessions") || name.endsWith("used_app"))
    fields.push(labelled(name.endsWith("used_app") || name.startsWith("sessions") ? "App (any)" : "Name",
      element("input", { "data-name": true, list: names[name] && `known-${names[name]}`, size: 18 })));
  if (wants.includes("property"))
    fields.push(labelled("Property", element("input", { "data-property": true, size: 12 })));
  else if (name === "nested_attribute")
    fields.push(labelled("Path (a.b[])", element("input", { "data-property": true, size: 12 })));
  if (wants.includes("criteria"))
    fields.push(labelled("Criteria (JSON)", element("input", { "data-criteria": true, size: 34,
      placeholder: '[{"name": "make", "comparator": "equals", "value": "Saab"}]' })));
  const comparator = element("select", { "data-comparator": true, "aria-label": "Comparison" }, kind.comparators.map(one =>
    element("option", { value: one.name }, one.title)));
  const value = element("input", { "data-value": true, size: 18 });
  const shown = labelled("Value", value);
  const adapt = () => {
    const wanted = kind.comparators.find(one => one.name === comparator.value).wants;
    shown.hidden = wanted === "nothing";
    shown.style.display = shown.hidden ? "none" : "";
    value.placeholder = { number: "3", days: "7", date: "2026-01-31", texts: "gold, silver", regex: "^go" }[wanted] || "";
    value.dataset.wants = wanted;
  };
  comparator.addEventListener("change", adapt);
  fields.push(labelled("Is", comparator), shown);
  if (wants.includes("days"))
    fields.push(labelled("In past days", element("input", { "data-days": true, type: "number", min: 1, max: 30, value: 30 })));
  adapt();
  rest.replaceChildren(...fields);
}

function addGroup() {
  const join = element("select", { "data-group-join": true }, [
    element("option", { value: "all" }, "and"), element("option", { value: "any" }, "or")]);
  const more = element("button", { type: "button", class: "light" }, "Add a filter");
  const group = element("div", { class: "group", "data-group": true }, [
    element("label", { class: "inline" }, ["Filters are joined by", join]),
    element("div", { "data-rows": true }), more]);
  more.addEventListener("click", () => { addRow(group); changed(); });
  part("groups").append(group);
  addRow(group);
}

function read(field) {
  const text = field.value.trim();
  switch (field.dataset.wants) {
    case "nothing": return undefined;
    case "number": case "days": return text === "" ? null : Number(text);
    case "texts": return text.split(",").map(one => one.trim()).filter(Boolean);
    case "anything": return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    default: return text;
  }
}

function filter() {
  const groups = [...builder.querySelectorAll("[data-group]")].map(group => {
    const rows = [...group.querySelectorAll("[data-row]")].map(row => {
      const find = name => row.querySelector(`[data-${name}]`);
      const one = { kind: find("kind").value, comparator: find("comparator").value };
      for (const name of ["name", "property"]) if (find(name)?.value) one[name] = find(name).value.trim();
      if (find("criteria")?.value) {
        try { one.criteria = JSON.parse(find("criteria").value); } catch { one.criteria = []; }
      }
      if (find("days")) one.days = Number(find("days").value);
      const value = read(find("value"));
      if (value !== undefined) one.value = value;
      return one;
    });
    return { [group.querySelector("[data-group-join]").value]: rows };
  });
  return groups.length === 1 ? groups[0] : { [part("join").value]: groups };
}

function isComplete() {
  return [...builder.querySelectorAll("[data-row]")].every(row => {
    const needs = byName[row.querySelector("[data-kind]").value].needs;
    const fields = needs.map(need => row.querySelector(`[data-${need}]`));
    const value = row.querySelector("[data-value]");
    if (value.dataset.wants !== "nothing") fields.push(value);
    return fields.every(field => field.value.trim() !== "");
  });
}

let timer, asked = 0;
function changed() {
  part("json").textContent = JSON.stringify(filter(), null, 2);
  clearTimeout(timer);
  part("hint").textContent = part("fault").textContent = "";
  if (isComplete()) timer = setTimeout(count, 150);
  else {
    asked++;
    part("count").textContent = "\u2013";
    part("hint").textContent = "fill in every filter to count";
  }
}

async function post(path, body) {
  const answer = await fetch(builder.dataset.root + path + query, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  return [answer.ok, await answer.json()];
}

async function count() {
  const mine = ++asked;
  const [ok, found] = await post("/segments/count", { filter: filter() });
  if (mine !== asked) return;
  part("fault").textContent = ok ? "" : found.error;
  part("count").textContent = ok ? found.count.toLocaleString("en") : "?";
  if (ok) part("of").textContent = found.of.toLocaleString("en");
}

part("add-group").addEventListener("click", () => { addGroup(); changed(); });
builder.addEventListener("input", changed);
part("save").addEventListener("submit", async event => {
  event.preventDefault();
  const name = event.target.elements.name.value;
  const [ok, found] = await post("/segments", { id: crypto.randomUUID?.() ?? `segment-${Date.now()}`, name, filter: filter() });
  if (ok) location.reload(); else part("fault").textContent = found.error;
});
addGroup();
changed();
