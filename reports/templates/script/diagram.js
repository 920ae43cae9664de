// A pipeline drawn: accounts are grounds, nodes stand on them, arrows carry the data.

const BOX = { width: 196, height: 78, across: 116, down: 42, edge: 22, head: 40 };
const SPOTS = {
  exporter: [0, 0],
  table: [0, 1],
  consumer: [1, 0],
  source_bucket: [1, 1],
  source_key: [1, 2],
  replication_role: [2, 1],
  catalog_table: [3, 0],
  destination_bucket: [3, 1],
  destination_key: [3, 2],
};
const EDGES = [
  ["exporter", "table", "call", "export"],
  ["table", "source_bucket", "export", "export"],
  ["source_bucket", "consumer", "notify", "notification"],
  ["source_bucket", "replication_role", "replicate", "replication"],
  ["replication_role", "destination_bucket", "replicate", "replication"],
  ["source_key", "source_bucket", "encrypt", ""],
  ["destination_key", "destination_bucket", "encrypt", ""],
  ["destination_bucket", "catalog_table", "query", ""],
];

let byPipeline = null;

function findingsOf(name) {
  if (!byPipeline) {
    byPipeline = new Map(report.pipelines.map((one) => [one.name, []]));
    for (const one of report.findings) if (byPipeline.has(one.pipeline)) byPipeline.get(one.pipeline).push(one);
  }
  return byPipeline.get(name);
}

function worstState(findings) {
  return STATES.find((state) => findings.some((one) => one.state === state)) || "na";
}

function countsOf(findings) {
  return STATES.slice(0, 4)
    .map((state) => [state, findings.filter((one) => one.state === state).length])
    .filter(([, count]) => count);
}

function described(label, findings) {
  const counts = countsOf(findings).map(([state, count]) => `${word("state-" + state)} ${count}`);
  return `${label}: ${counts.length ? counts.join(", ") : word("state-" + worstState(findings))}`;
}

function grounds(nodes) {
  const accounts = [...new Set(nodes.map((node) => node.account))];
  const first = (account) =>
    Math.min(...nodes.filter((node) => node.account === account).map((node) => SPOTS[node.name][0]));
  return accounts
    .sort((a, b) => first(a) - first(b))
    .map((account) => nodes.filter((node) => node.account === account));
}

function laidOut(nodes) {
  const rows = [...new Set(nodes.map((node) => SPOTS[node.name][1]))].sort();
  const height = BOX.head + rows.length * BOX.height + (rows.length - 1) * BOX.down + BOX.edge;
  let left = 0;
  const plots = grounds(nodes).map((mine) => {
    const columns = [...new Set(mine.map((node) => SPOTS[node.name][0]))].sort();
    const width = 2 * BOX.edge + columns.length * BOX.width + (columns.length - 1) * BOX.across;
    const boxes = mine.map((node) => {
      const [column, row] = SPOTS[node.name];
      return {
        node,
        x: left + BOX.edge + columns.indexOf(column) * (BOX.width + BOX.across),
        y: BOX.head + rows.indexOf(row) * (BOX.height + BOX.down),
      };
    });
    const plot = { x: left, width, height, boxes, owner: mine[0] };
    left += width + BOX.across;
    return plot;
  });
  return { plots, width: left - BOX.across, height };
}

function drawPipeline(pipeline) {
  const nodes = pipeline.nodes.filter((node) => SPOTS[node.name]);
  const { plots, width, height } = laidOut(nodes);
  const boxes = new Map(plots.flatMap((plot) => plot.boxes.map((box) => [box.node.name, box])));
  const mine = findingsOf(pipeline.name);
  const edges = edgesOf(boxes).map((edge) => drawEdge(edge, boxes, mine, pipeline));
  return h(
    "div",
    { class: "diagram" },
    s(
      "svg",
      {
        viewBox: `-1 -1 ${width + 2} ${height + 2}`,
        role: "group",
        width: width + 2,
        height: height + 2,
        "aria-label": word("diagram", pipeline.name),
      },
      plots.map(drawGround),
      edges,
      [...boxes.values()].map((box) => drawNode(box, mine, pipeline))
    )
  );
}

function edgesOf(boxes) {
  const present = EDGES.filter(([from, to]) => boxes.has(from) && boxes.has(to));
  const direct = !boxes.has("replication_role") && boxes.has("source_bucket") && boxes.has("destination_bucket");
  return direct ? [...present, ["source_bucket", "destination_bucket", "replicate", "replication"]] : present;
}

function drawGround(plot) {
  return s(
    "g",
    { class: "ground" },
    s("rect", { x: plot.x, y: 0, width: plot.width, height: plot.height, rx: 14 }),
    s("text", { x: plot.x + BOX.edge, y: 25 }, `${plot.owner.owner} · ${plot.owner.account}`)
  );
}

function pathOf(from, to) {
  const [w, t] = [BOX.width, BOX.height];
  if (from.x === to.x) {
    const x = from.x + w / 2;
    return from.y < to.y
      ? [
          [x, from.y + t],
          [x, to.y],
        ]
      : [
          [x, from.y],
          [x, to.y + t],
        ];
  }
  return from.x < to.x
    ? [
        [from.x + w, from.y + t / 2],
        [to.x, to.y + t / 2],
      ]
    : [
        [from.x, from.y + t / 2],
        [to.x + w, to.y + t / 2],
      ];
}

function drawEdge([from, to, name, tag], boxes, findings, pipeline) {
  const [[x1, y1], [x2, y2]] = pathOf(boxes.get(from), boxes.get(to));
  const bend = (x1 + x2) / 2;
  const line =
    y1 === y2 || x1 === x2 ? `M${x1} ${y1}L${x2} ${y2}` : `M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}`;
  const mine = tag ? findings.filter((one) => one.tags.includes(tag)) : [];
  const state = tag ? worstState(mine) : "plain";
  const label = word("edge-" + name);
  const parts = [
    s("path", { class: "line", d: line }),
    s("path", { class: "head", d: arrowHead(x1, y1, x2, y2) }),
    edgeLabel(label, state, (x1 + x2) / 2, (y1 + y2) / 2, x1 === x2),
  ];
  if (!tag) return s("g", { class: "edge " + state }, parts);
  const choose = () =>
    only({
      holds: (one) => one.pipeline === pipeline.name && one.tags.includes(tag),
      label: () => `${pipeline.name} · ${word("edge-" + name)}`,
    });
  return s(
    "g",
    {
      class: "edge " + state,
      role: "button",
      tabindex: "0",
      "aria-label": described(label, mine),
      onclick: choose,
      onkeydown: onPress(choose),
    },
    s("path", { class: "reach", d: line }),
    parts
  );
}

function arrowHead(x1, y1, x2, y2) {
  const straight = x1 === x2 ? [0, Math.sign(y2 - y1)] : [Math.sign(x2 - x1), 0];
  const [dx, dy] = straight;
  return `M${x2} ${y2}L${x2 - 10 * dx - 5 * dy} ${y2 - 10 * dy - 5 * dx}L${x2 - 10 * dx + 5 * dy} ${y2 - 10 * dy + 5 * dx}Z`;
}

function edgeLabel(label, state, x, y, upright) {
  const mark = MARKS[state] && state !== "na" ? MARKS[state] + " " : "";
  return upright
    ? s("text", { class: "label", x: x + 8, y: y + 4, "text-anchor": "start" }, mark + label)
    : s("text", { class: "label", x, y: y - 8, "text-anchor": "middle" }, mark + label);
}

function drawNode({ node, x, y }, findings, pipeline) {
  const mine = findings.filter((one) => one.node === node.name);
  const state = worstState(mine);
  const choose = () =>
    only({
      holds: (one) => one.pipeline === pipeline.name && one.node === node.name,
      label: () => `${pipeline.name} · ${nodeWord(node.name)}`,
    });
  const counts =
    countsOf(mine)
      .map(([one, count]) => `${MARKS[one]} ${count}`)
      .join("  ") || MARKS[state];
  return s(
    "g",
    {
      class: "box " + state,
      role: "button",
      tabindex: "0",
      transform: `translate(${x} ${y})`,
      "aria-label": described(`${nodeWord(node.name)} ${node.id}`, mine),
      onclick: choose,
      onkeydown: onPress(choose),
    },
    s("title", {}, node.arn || node.id),
    s("rect", { width: BOX.width, height: BOX.height, rx: 9 }),
    s("text", { class: "role", x: 12, y: 23 }, nodeWord(node.name)),
    s("text", { class: "id", x: 12, y: 44 }, shortName(node.id)),
    s("text", { class: "count", x: 12, y: 66 }, counts)
  );
}

function shortName(name) {
  const tail = name.startsWith("arn:") ? name.split(":").slice(5).join(":") : name;
  let used = 0;
  let kept = "";
  for (const char of tail) {
    used += char.codePointAt(0) > 0x2e80 ? 2 : 1;
    if (used > 23) return kept + "…";
    kept += char;
  }
  return kept;
}
