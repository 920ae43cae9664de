const report = JSON.parse(byId("report").textContent);
const STATES = ["fail", "unknown", "waived", "known", "pass", "na"];
const SEVERITIES = ["critical", "high", "medium", "low", "info"];
const MARKS = { fail: "✗", unknown: "?", waived: "○", known: "≡", pass: "✓", na: "–" };

let language = report.lang === "ja" ? 1 : 0;

function word(key, ...values) {
  const pair = report.words[key];
  const text = pair ? pair[language] : key;
  return values.length ? text.replace(/\{(\d*)\}/g, (_, index) => values[index === "" ? 0 : Number(index)]) : text;
}

function counted(key, ...values) {
  let next = 0;
  return report.words[key][language].replace(/\{(\d*)\}/g, (_, index) => values[index === "" ? next++ : Number(index)]);
}

const text = (index) => report.texts[index][language];
const both = (pair) => pair[language];
const nodeWord = (name) => (report.words["node-" + name] ? word("node-" + name) : name);

function speak() {
  document.documentElement.lang = language ? "ja" : "en";
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]"))
    element.setAttribute("aria-label", word(element.dataset.label));
  for (const element of document.querySelectorAll("[data-hint]"))
    element.setAttribute("placeholder", word(element.dataset.hint));
  for (const button of byId("languages").children) {
    button.setAttribute("aria-pressed", String((button.dataset.lang === "ja") === (language === 1)));
  }
}
