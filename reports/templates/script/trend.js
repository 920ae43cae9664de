// Earlier runs of the same source: a bar a run, failed below and unknown on top of it.

const TREND = { width: 860, height: 110, foot: 4, gap: 0.25, widest: 26 };

function drawTrend() {
  const runs = report.history;
  byId("trend").hidden = runs.length < 2;
  if (runs.length < 2) return;
  const [first, last] = [runs[0], runs[runs.length - 1]];
  const [from, to] = days(first[0], last[0]);
  byId("trend-text").textContent = counted("trend-text", runs.length, from, first[1], to, last[1]);
  byId("trend-chart").replaceChildren(trendChart(runs));
}

// Two runs of one day are told apart by the time.
function days(first, last) {
  const length = first.slice(0, 10) === last.slice(0, 10) ? 16 : 10;
  return [first, last].map((moment) => moment.slice(0, length).replace("T", " "));
}

function trendChart(runs) {
  const most = Math.max(1, ...runs.map((run) => run[1] + run[2]));
  const step = Math.min(TREND.widest, TREND.width / runs.length);
  const scale = (count) => (count / most) * (TREND.height - TREND.foot);
  const bars = runs.map((run, index) => {
    const [moment, failed, unknown, fresh, fixed] = run;
    const x = index * step;
    const width = step * (1 - TREND.gap);
    const top = TREND.height - scale(failed);
    const label = counted("trend-run", moment.replace("T", " ").replace("Z", ""), failed, unknown, fresh, fixed);
    return s(
      "g",
      {},
      s("title", {}, label),
      s("rect", { class: "slot", x, y: 0, width: step, height: TREND.height }),
      s("rect", { class: "failed", x, y: top, width, height: scale(failed) }),
      s("rect", { class: "unread", x, y: top - scale(unknown), width, height: scale(unknown) }),
      s("rect", { class: "floor", x, y: TREND.height - 1, width, height: 1 })
    );
  });
  const wide = Math.max(runs.length * step, 1);
  return s(
    "svg",
    { viewBox: `0 0 ${wide} ${TREND.height}`, width: wide, height: TREND.height, role: "img", "aria-labelledby": "trend-text" },
    bars
  );
}
