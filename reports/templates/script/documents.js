// A document as AWS shapes it, with the lines that the evidence points at marked.

function stepsOf(route) {
  return Array.from(route.matchAll(/([^.[\]]+)|\[(\d+)\]/g), (hit) => (hit[1] === undefined ? Number(hit[2]) : hit[1]));
}

function routeInto(route, node) {
  const [, head, ...rest] = stepsOf(route);
  const alias = node.aliases[head];
  return alias ? [...stepsOf(alias), ...rest] : [head, ...rest];
}

function deepest(value, path) {
  let depth = 0;
  for (const step of path) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, step)) break;
    value = value[step];
    depth += 1;
  }
  return path.slice(0, depth);
}

function linesOf(value, path, key, indent, comma, lines) {
  const start = "  ".repeat(indent) + (key === null ? "" : JSON.stringify(key) + ": ");
  if (value === null || typeof value !== "object" || !Object.keys(value).length) {
    lines.push({ text: start + JSON.stringify(value) + comma, path });
    return;
  }
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const keys = Object.keys(value);
  lines.push({ text: start + open, path });
  keys.forEach((name, index) => {
    const step = Array.isArray(value) ? index : name;
    const label = Array.isArray(value) ? null : name;
    linesOf(value[name], [...path, step], label, indent + 1, index + 1 < keys.length ? "," : "", lines);
  });
  lines.push({ text: "  ".repeat(indent) + close + comma, path });
}

const startsWith = (path, start) => start.every((step, index) => path[index] === step);

function documentsOf(finding) {
  const pipeline = report.pipelines.find((one) => one.name === finding.pipeline);
  if (!pipeline || !finding.evidence) return [];
  const found = new Map();
  for (const evidence of finding.evidence) {
    const name = stepsOf(evidence.route)[0];
    const node = pipeline.nodes.find((one) => one.name === name);
    if (!node) continue;
    const [facet, ...path] = routeInto(evidence.route, node);
    if (!Object.hasOwn(node.documents, facet)) continue;
    const key = name + "." + facet;
    if (!found.has(key)) found.set(key, { title: key, value: node.documents[facet], paths: [] });
    found.get(key).paths.push(deepest(node.documents[facet], path));
  }
  return [...found.values()].map(drawDocument);
}

function drawDocument({ title, value, paths }) {
  const lines = [];
  linesOf(value, [], null, 0, "", lines);
  const marked = paths.filter((path) => path.length);
  const rows = lines.map((line) =>
    marked.some((path) => startsWith(line.path, path)) ? h("mark", {}, line.text) : h("span", {}, line.text)
  );
  return h(
    "div",
    { class: "document" },
    h("h4", {}, word("document") + ": ", h("code", {}, title)),
    h("pre", { tabindex: "0", role: "group", "aria-label": word("document") + " " + title }, rows)
  );
}
