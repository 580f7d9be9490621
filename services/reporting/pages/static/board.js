// Draws the charts of a page from the data that the page brings along, and keeps it up to date.
// Without it every chart is a table.
"use strict";

(() => {
  const root = document.documentElement;
  const persian = root.lang === "fa";
  const rightToLeft = root.dir === "rtl";
  const short = new Intl.NumberFormat(persian ? "fa-IR" : "en", { notation: "compact" });
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const drawn = new Map();

  // What a colour of the style sheet is here and now: a canvas knows no variables.
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function series(data, one, last) {
    const stacked = data.kind === "stacked" || (data.kind === "across" && data.series.length > 1);
    const line = data.kind === "line";
    const tone = colour(one.tone);
    return {
      name: one.name,
      type: line ? "line" : "bar",
      data: one.values,
      stack: stacked ? "all" : undefined,
      barMaxWidth: 34,
      connectNulls: true,
      symbolSize: 7,
      lineStyle: { width: 2.5 },
      itemStyle: { color: tone, borderRadius: stacked && !last ? 0 : 3 },
      areaStyle: line ? { opacity: 0.12, color: tone } : undefined,
      label: {
        show: data.kind === "across" && data.series.length === 1,
        position: rightToLeft ? "left" : "right",
        color: colour("quiet"),
        formatter: (point) => one.texts[point.dataIndex],
      },
    };
  }

  function option(data, width, atOnce) {
    const text = colour("text");
    const quiet = colour("quiet");
    const fine = { lineStyle: { color: colour("line") } };
    const across = data.kind === "across";
    const names = {
      type: "category",
      data: data.labels,
      inverse: across ? true : rightToLeft,
      position: across && rightToLeft ? "right" : undefined,
      axisTick: { show: false },
      axisLine: fine,
      axisLabel: { color: across ? text : quiet, hideOverlap: true, width: across ? Math.max(90, width / 4) : undefined, overflow: "truncate" },
    };
    const numbers = {
      type: "value",
      max: data.most ?? undefined,
      interval: data.most ? data.most / 4 : undefined,
      minInterval: 1,
      inverse: across && rightToLeft,
      position: !across && rightToLeft ? "right" : undefined,
      splitNumber: 4,
      splitLine: fine,
      axisLabel: { color: quiet, hideOverlap: true, formatter: (value) => short.format(value) },
    };
    const many = data.series.length > 1;
    // ECharts sets legends, and bars beside each other, from left to right; reading begins at the right.
    const shown = rightToLeft && data.kind === "bars" ? data.series.toReversed() : data.series;
    const read = data.series.map((one) => one.name);
    return {
      animation: !atOnce,
      animationDuration: 300,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
      grid: {
        containLabel: true,
        top: many ? 36 : 12,
        bottom: 4,
        left: across && rightToLeft && !many ? 70 : 8,
        right: across && !rightToLeft && !many ? 70 : 8,
      },
      legend: many
        ? { data: rightToLeft ? read.toReversed() : read, top: 0, left: rightToLeft ? undefined : 0, right: rightToLeft ? 0 : undefined, itemWidth: 14, itemHeight: 10, textStyle: { color: text } }
        : undefined,
      tooltip: {
        trigger: "axis",
        renderMode: "richText", // the other one writes styles into the page, which its policy forbids
        axisPointer: { type: data.kind === "line" ? "line" : "shadow" },
        backgroundColor: colour("surface"),
        borderColor: colour("line"),
        textStyle: { color: text },
        confine: true,
        formatter: (points) =>
          [points[0].name, ...data.series.map((one) => `${one.name}: ${one.texts[points[0].dataIndex]}`)].join("\n"),
      },
      xAxis: across ? numbers : names,
      yAxis: across ? names : numbers,
      series: shown.map((one, n) => series(data, one, n === shown.length - 1)),
    };
  }

  function draw(atOnce = still) {
    for (const chart of drawn.values()) {
      chart.dispose();
    }
    drawn.clear();
    for (const place of document.querySelectorAll("[data-chart]")) {
      const data = JSON.parse(document.querySelector(`[data-of="${place.dataset.chart}"]`).textContent);
      place.hidden = false;
      if (data.kind === "across") {
        place.style.blockSize = `${Math.max(9, 2.2 * data.labels.length + 3)}rem`;
      }
      const chart = window.echarts.init(place, null, { renderer: "canvas" });
      chart.setOption(option(data, place.clientWidth, atOnce));
      chart.on("click", (point) => {
        const where = data.links[point.dataIndex];
        if (where) {
          window.location.assign(where);
        }
      });
      place.classList.toggle("leads", data.links.some(Boolean));
      drawn.set(place.dataset.chart, chart);
    }
  }

  function fold() {
    for (const details of document.querySelectorAll(".chart details")) {
      details.open = false;
    }
  }

  // The same page, asked for anew; what is folded out stays so, and nothing is lost that is typed.
  async function renew() {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    const board = document.getElementById("board");
    if (!answer.ok || answer.redirected || board.contains(document.activeElement)) {
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.getElementById("board");
    if (!next) {
      return;
    }
    const open = new Set([...document.querySelectorAll(".chart details[open]")].map((d) => d.closest("section").getAttribute("aria-labelledby")));
    board.replaceChildren(...next.childNodes);
    for (const details of document.querySelectorAll(".chart details")) {
      details.open = open.has(details.closest("section").getAttribute("aria-labelledby"));
    }
    draw();
    const clock = new Intl.DateTimeFormat(persian ? "fa-IR" : "en-GB", { timeStyle: "medium" });
    const live = document.querySelector(".live");
    live.textContent = `${live.dataset.renewed} ${clock.format(new Date())}`;
  }

  function listen() {
    let waiting = null;
    const events = new EventSource(`/pages/live?seen=${document.getElementById("board").dataset.position}`);
    events.addEventListener("position", () => {
      // a stream of events is no reason to redraw more often than anybody can read
      waiting ??= setTimeout(() => {
        waiting = null;
        if (!document.hidden) {
          renew().catch(() => {});
        }
      }, 1500);
    });
    window.addEventListener("pagehide", () => events.close());
  }

  async function begin() {
    if (!document.getElementById("board")) {
      return;
    }
    fold();
    await document.fonts.load("1em Vazirmatn", persian ? "تحویل" : "Tahvil").catch(() => {});
    draw();
    window.addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
    // On paper it is light, whatever the screen is; the style sheet fits the charts to the paper.
    const look = root.dataset.look;
    window.addEventListener("beforeprint", () => {
      root.dataset.look = "light";
      draw(true);
      drawn.forEach((chart) => chart.getZr().flush());
    });
    window.addEventListener("afterprint", () => {
      root.dataset.look = look ?? "";
      draw();
    });
    listen();
  }

  begin();
})();
