const THEMES = ["auto", "light", "dark"];
let theme = THEMES.includes(remember("theme")) ? remember("theme") : "auto";

function drawTheme() {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = word("theme-" + theme);
}

function drawSummary() {
  byId("facts").textContent = [report.source, report.started, report.version && "auditor " + report.version]
    .filter(Boolean)
    .join(" · ");
  byId("closing").textContent = both(report.closing);
  const severities = SEVERITIES.filter((one) => report.severities[one]).map(
    (one) => `${word("severity-" + one)} ${report.severities[one]}`
  );
  byId("tiles").replaceChildren(
    ...STATES.map((state) =>
      h(
        "li",
        { class: "tile " + state + (report.counts[state] ? "" : " none") },
        h(
          "span",
          { class: "number" },
          h("span", { class: "mark", "aria-hidden": "true" }, MARKS[state]),
          report.counts[state]
        ),
        h("span", { class: "label" }, word("state-" + state)),
        state === "fail" && severities.length ? h("span", { class: "more" }, severities.join(", ")) : null
      )
    )
  );
  if (!report.findings.length) byId("closing").textContent = word("nothing");
}

function drawNotices() {
  byId("notices").hidden = !report.notices.length;
  byId("notice-list").replaceChildren(...report.notices.map((pair) => h("li", {}, both(pair))));
}

function drawPipelines() {
  const list = byId("pipeline-list");
  const wasOpen = new Set([...list.children].filter((one) => one.open).map((one) => one.dataset.name));
  byId("pipelines").hidden = !report.pipelines.length;
  const rank = (one) => STATES.indexOf(worstState(findingsOf(one.name)));
  const sorted = [...report.pipelines].sort((a, b) => rank(a) - rank(b));
  const first = !list.children.length;
  list.replaceChildren(
    ...sorted.map((one, index) =>
      drawPipelineCard(one, findingsOf(one.name), first ? index === 0 : wasOpen.has(one.name))
    )
  );
}

function drawPipelineCard(pipeline, findings, open) {
  const badges = countsOf(findings).map(([state, count]) =>
    h(
      "span",
      { class: "badge " + state },
      `${MARKS[state]} ${count}`,
      h("span", { class: "quiet" }, word("state-" + state))
    )
  );
  const card = h(
    "details",
    { class: "pipeline", "data-name": pipeline.name, open },
    h(
      "summary",
      {},
      h("bdi", { class: "name" }, pipeline.name),
      badges,
      h("span", { class: "source" }, pipeline.source)
    )
  );
  const draw = () => card.open && card.childElementCount === 1 && card.append(drawPipeline(pipeline));
  card.addEventListener("toggle", draw);
  draw();
  return card;
}

function drawAll() {
  speak();
  drawTheme();
  drawSummary();
  drawTrend();
  drawNotices();
  drawPipelines();
  drawFilters();
  drawLists();
}

function listen() {
  for (const button of byId("languages").children) {
    button.addEventListener("click", () => {
      language = button.dataset.lang === "ja" ? 1 : 0;
      drawAll();
    });
  }
  byId("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remember("theme", theme);
    drawTheme();
  });
  let waiting = 0;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      filters.search = event.target.value;
      drawLists();
    }, 120);
  });
  byId("place").addEventListener("click", () => only(null));
  byId("clear").addEventListener("click", () => {
    clearFilters();
    drawFilters();
    drawLists();
    byId("search").focus();
  });
  addEventListener("hashchange", () => showFinding(location.hash.slice(1)));
  addEventListener("beforeprint", openForPrint);
  addEventListener("afterprint", closeAfterPrint);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement.tagName !== "INPUT") {
      event.preventDefault();
      byId("search").focus();
    }
  });
}

drawAll();
listen();
if (/^#[0-9a-f]{32}$/.test(location.hash)) showFinding(location.hash.slice(1));
