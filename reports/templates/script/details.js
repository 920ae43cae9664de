// What opens below a finding: why, evidence, documents, the fix, and who accepted it.

function drawDetails(finding) {
  return h(
    "div",
    { class: "details" },
    h("p", { class: "why" }, text(finding.why)),
    drawWaiver(finding),
    drawEvidence(finding),
    documentsOf(finding),
    drawFix(finding),
    drawFacts(finding)
  );
}

function drawWaiver(finding) {
  if (!finding.waiver) return null;
  const [reason, owner, until, soon] = finding.waiver;
  return h(
    "p",
    { class: "waiver" },
    h("strong", {}, word("waiver") + ": "),
    `${reason} — ${owner}, ${until} `,
    soon ? h("span", { class: "badge unknown" }, word("ends")) : null
  );
}

function drawEvidence(finding) {
  if (!finding.evidence) return null;
  return [
    h("h4", {}, word("evidence")),
    finding.evidence.map((one) =>
      h(
        "dl",
        { class: "evidence" },
        pair("route", h("code", {}, one.route)),
        both(one.wanted) ? pair("wanted", h("code", {}, both(one.wanted))) : null,
        pair("found", h(one.unread ? "span" : "code", { class: one.unread ? "unread" : "found" }, both(one.found))),
        one.note ? pair("note", both(one.note)) : null,
        one.at ? pair("place", h("code", {}, one.at)) : null
      )
    ),
  ];
}

function drawFix(finding) {
  if (finding.state === "pass" || finding.state === "na") return null;
  const told = finding.fix === undefined ? word(unread(finding) ? "no-fix-yet" : "no-fix") : text(finding.fix);
  const parts = [h("p", {}, told)];
  if (finding.cost !== undefined)
    parts.push(h("p", {}, h("strong", { class: "lead" }, word("cost")), ": ", text(finding.cost)));
  if (finding.diff)
    parts.push(
      h(
        "div",
        { class: "document" },
        h("pre", { class: "diff", tabindex: "0" }, finding.diff.map((line) => h("span", { class: tone(line) }, line)))
      )
    );
  parts.push(h("p", {}, word("command") + ": ", h("code", {}, "auditor explain " + finding.rule)));
  return [h("h4", {}, word("fix")), parts];
}

function drawFacts(finding) {
  return [
    h(
      "dl",
      { class: "facts-list" },
      pair("resource", h("code", {}, finding.subject)),
      pair("account", h("code", {}, finding.account)),
      pair("region", h("code", {}, finding.region)),
      pair("fingerprint", h("code", {}, finding.print))
    ),
    finding.links
      ? [
          h("h4", {}, word("references")),
          h(
            "ul",
            { class: "links" },
            finding.links.map((link) =>
              h("li", {}, h("a", { href: link, rel: "noopener noreferrer", target: "_blank" }, link))
            )
          ),
        ]
      : null,
  ];
}

const TONES = { "+": "added", "-": "removed", "@": "hunk" };
const tone = (line) => TONES[line[0]] || "same";
const unread = (finding) => (finding.evidence || []).some((one) => one.unread);
const pair = (key, value) => h("div", {}, h("dt", {}, word(key)), h("dd", {}, value));
