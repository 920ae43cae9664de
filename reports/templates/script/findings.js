// The lists of findings: filtered as one, drawn in pieces as they come into sight.

const CHUNK = 100;
const ROW_HEIGHT = 45;
const filters = {
  search: "",
  severities: new Set(SEVERITIES),
  states: new Set(["fail", "unknown", "waived", "known"]),
  place: null,
};
const opened = new Set();
let haystacks = null;

function haystack(index) {
  if (!haystacks) {
    haystacks = report.findings.map((one) =>
      [
        one.rule,
        one.pipeline,
        one.node,
        one.subject,
        one.account,
        one.print,
        ...report.texts[one.title],
        ...(one.waiver || []).slice(0, 3),
        ...(one.evidence || []).flatMap((e) => [e.route, ...e.wanted, ...e.found]),
      ]
        .join("\n")
        .toLowerCase()
    );
  }
  return haystacks[index];
}

function matching() {
  const wanted = filters.search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = { fail: [], unknown: [], waived: [], known: [], pass: [], na: [] };
  report.findings.forEach((one, index) => {
    if (!filters.states.has(one.state) || !filters.severities.has(one.severity)) return;
    if (filters.place && !filters.place.holds(one)) return;
    if (wanted.length && !wanted.every((part) => haystack(index).includes(part))) return;
    found[one.state].push(index);
  });
  return found;
}

const sight = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => fill(entry.target)),
  { rootMargin: "600px" }
);

function fill(list) {
  if (!list.pending) return;
  const indices = list.pending;
  list.pending = null;
  sight.unobserve(list);
  list.style.minHeight = "";
  list.append(...indices.map(drawRow));
}

const PRINTED_OPEN = 300;
let openedForPrint = [];

function openForPrint() {
  for (const list of document.querySelectorAll("#lists ul.rows")) fill(list);
  const closed = document.querySelectorAll("#lists :is(.fail, .unknown) .row[aria-expanded=false]");
  openedForPrint = [...closed].slice(0, PRINTED_OPEN);
  for (const row of openedForPrint) row.parentElement.append(drawDetails(report.findings[row.parentElement.index]));
}

function closeAfterPrint() {
  for (const row of openedForPrint) row.parentElement.lastElementChild.remove();
  openedForPrint = [];
}

function drawLists() {
  sight.disconnect();
  const found = matching();
  const total = Object.values(found).reduce((sum, list) => sum + list.length, 0);
  byId("shown").textContent = total ? counted("shown", total, report.findings.length) : word(whyNothing());
  byId("lists").replaceChildren(
    ...STATES.filter((state) => found[state].length).map((state) => drawList(state, found[state]))
  );
}

function drawList(state, indices) {
  const id = "list-" + state;
  const section = h(
    "section",
    { class: "list " + state, "aria-labelledby": id },
    h(
      "h3",
      { id },
      h("span", { class: "mark", "aria-hidden": "true" }, MARKS[state]),
      `${word("state-" + state)} (${indices.length})`
    )
  );
  for (let start = 0; start < indices.length; start += CHUNK) {
    const list = h("ul", { class: "rows" });
    list.pending = indices.slice(start, start + CHUNK);
    list.style.minHeight = list.pending.length * ROW_HEIGHT + "px";
    section.append(list);
    if (start === 0) fill(list);
    else sight.observe(list);
  }
  return section;
}

function drawRow(index) {
  const one = report.findings[index];
  const row = h(
    "button",
    { type: "button", class: "row", "aria-expanded": "false", onclick: () => toggle(item, index) },
    h("span", { class: "severity " + one.severity }, word("severity-" + one.severity)),
    h(
      "span",
      { class: "words" },
      h("span", { class: "title" }, text(one.title)),
      h("code", { class: "rule" }, one.rule)
    ),
    h("span", { class: "where" }, h("bdi", {}, one.pipeline), h("span", { class: "node" }, nodeWord(one.node)))
  );
  const item = h("li", { id: "f-" + one.print }, row);
  item.index = index;
  if (opened.has(index)) toggle(item, index, true);
  return item;
}

function toggle(item, index, keep) {
  const row = item.firstElementChild;
  if (item.childElementCount > 1) {
    item.lastElementChild.remove();
    opened.delete(index);
  } else {
    item.append(drawDetails(report.findings[index]));
    opened.add(index);
  }
  const open = item.childElementCount > 1;
  row.setAttribute("aria-expanded", String(open));
  if (open && !keep) history.replaceState(null, "", "#" + report.findings[index].print);
}

function showFinding(print) {
  const index = report.findings.findIndex((one) => one.print === print);
  if (index < 0) return;
  clearFilters();
  filters.states.add(report.findings[index].state);
  opened.add(index);
  drawFilters();
  drawLists();
  for (const list of document.querySelectorAll("#lists ul.rows")) {
    if (list.pending && list.pending.includes(index)) fill(list);
  }
  const row = byId("f-" + print).firstElementChild;
  row.scrollIntoView({ block: "start" });
  row.focus({ preventScroll: true });
}

function clearFilters() {
  filters.search = "";
  filters.severities = new Set(SEVERITIES);
  filters.states = new Set(["fail", "unknown", "waived", "known"]);
  filters.place = null;
  byId("search").value = "";
}

function drawFilters() {
  const chip = (set, value, label, mark) =>
    h(
      "button",
      {
        type: "button",
        class: "chip " + value,
        "data-value": value,
        "aria-pressed": String(set.has(value)),
        onclick: (event) => {
          if (!set.delete(value)) set.add(value);
          event.currentTarget.setAttribute("aria-pressed", String(set.has(value)));
          drawLists();
        },
      },
      mark ? h("span", { class: "mark", "aria-hidden": "true" }, mark) : null,
      label
    );
  byId("severities").replaceChildren(
    ...SEVERITIES.map((one) => chip(filters.severities, one, word("severity-" + one)))
  );
  byId("states").replaceChildren(
    ...STATES.map((one) => chip(filters.states, one, `${word("state-" + one)} ${report.counts[one]}`, MARKS[one]))
  );
  const place = byId("place");
  place.hidden = !filters.place;
  place.textContent = filters.place ? word("filter-place", filters.place.label()) + " ×" : "";
}

function only(place) {
  filters.place = place;
  if (place) filters.states = new Set(STATES.filter((one) => one !== "na"));
  drawFilters();
  drawLists();
  if (place) byId("findings").focus();
}

function whyNothing() {
  const good = report.findings.length && report.findings.every((one) => one.state === "pass" || one.state === "na");
  return good && !filters.search && !filters.place ? "nothing-wrong" : "nothing-shown";
}
