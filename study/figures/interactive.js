(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("answer-data").textContent);
  const d = data.draws, S = d.a.length, LN6 = Math.log(6);
  const range = document.getElementById("answer-range"), box = document.getElementById("answer-text");
  const out = document.getElementById("answer-out");
  const modes = [...document.querySelectorAll('input[name="answer-mode"]')];
  const span = { N: [5, 12], C: [14, 26] }; // decades the slider covers
  const start = data.start;
  let mode = "N", value = start.N;

  const quantile = (sorted, q) => {
    const at = (sorted.length - 1) * q, i = Math.floor(at), rest = at - i;
    return sorted[i] + (i + 1 < sorted.length ? rest * (sorted[i + 1] - sorted[i]) : 0);
  };
  const summary = (values) => {
    const s = [...values].sort((x, y) => x - y);
    return [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975].map((q) => quantile(s, q));
  };
  const units = [[1e12, " T"], [1e9, " B"], [1e6, " M"], [1e3, " k"]];
  const count = (x) => {
    if (x >= 1e15) return flop(x);
    for (const [unit, name] of units) if (x >= unit) return Number((x / unit).toPrecision(3)) + name;
    return String(Number(x.toPrecision(3)));
  };
  const plain = (x) => (x < 1e3 ? String(Number(x.toPrecision(3))) : count(x));
  const flop = (x) => x.toExponential(1).replace(/^(.*)e\+?(-?\d+)$/, "$1 × 10<sup>$2</sup>");

  const solve = () => { // per draw, summarised last
    const rows = { N: [], D: [], C: [], ratio: [], loss: [] };
    for (let i = 0; i < S; i++) {
      const a = d.a[i], b = 1 - a;
      let lnN, lnD;
      if (mode === "N") {
        lnN = Math.log(value);
        lnD = (b / a) * (lnN - d.lnG[i]) - d.lnG[i];
      } else {
        const u = Math.log(value) - LN6;
        lnN = d.lnG[i] + a * u;
        lnD = u - lnN;
      }
      rows.N.push(Math.exp(lnN));
      rows.D.push(Math.exp(lnD));
      rows.C.push(Math.exp(LN6 + lnN + lnD));
      rows.ratio.push(Math.exp(lnD - lnN));
      rows.loss.push(d.E[i] + Math.exp(d.lnA[i] - d.alpha[i] * lnN) + Math.exp(d.lnB[i] - d.beta[i] * lnD));
    }
    return rows;
  };
  const row = (name, q, form) =>
    `<tr><th scope="row">${name}</th><td>${form(q[3])}</td><td>[${form(q[2])}, ${form(q[4])}]</td><td>[${form(q[1])}, ${form(q[5])}]</td><td>[${form(q[0])}, ${form(q[6])}]</td></tr>`;
  const strip = (q) => { // the interval of tokens as a picture
    const lo = Math.floor(Math.log10(q[0])) - 1, hi = Math.ceil(Math.log10(q[6])) + 1;
    const x = (v) => 20 + (560 * (Math.log10(v) - lo)) / (hi - lo);
    let ticks = "";
    for (let k = lo; k <= hi; k++)
      ticks += `<line x1="${x(10 ** k)}" x2="${x(10 ** k)}" y1="30" y2="34" stroke="currentColor"/><text x="${x(10 ** k)}" y="46" font-size="10" text-anchor="middle" fill="currentColor">${k < 15 ? count(10 ** k) : "1e" + k}</text>`;
    const band = (i, j, h) => `<rect x="${x(q[i])}" width="${Math.max(1, x(q[j]) - x(q[i]))}" y="${16 - h / 2}" height="${h}" fill="#0072B2" opacity="0.4"/>`;
    return `<svg viewBox="0 0 600 50" role="img" aria-label="Interval of compute-optimal tokens">${band(0, 6, 6)}${band(1, 5, 11)}${band(2, 4, 16)}<circle cx="${x(q[3])}" cy="16" r="4" fill="#fff" stroke="#0072B2" stroke-width="2"/>${ticks}</svg>`;
  };
  const show = () => {
    const rows = solve(), D = summary(rows.D), C = summary(rows.C);
    const body = [row("tokens D", D, count), row("bytes of text", D.map((x) => x * data.bytesPerToken), count),
      row("tokens a parameter", summary(rows.ratio), plain)];
    body.push(mode === "N" ? row("compute C (FLOP)", C, flop) : row("parameters N", summary(rows.N), count));
    body.push(row("loss (nats/token)", summary(rows.loss), plain));
    const beyond = C[3] / data.largestC;
    out.innerHTML = strip(D) + `<div class="table-scroll"><table><thead><tr><th></th><th>median</th><th>50 %</th><th>80 %</th><th>95 %</th></tr></thead><tbody>${body.join("")}</tbody></table></div>` +
      `<p class="said">${beyond > 1 ? "Extrapolated " + (beyond < 1000 ? plain(beyond) : flop(beyond)) + " times beyond the largest compute that was fitted." : "Inside the compute that was fitted."} From ${S} posterior draws.</p>`;
    box.value = value.toPrecision(3);
  };
  const toSlider = () => {
    const [lo, hi] = span[mode];
    range.value = Math.round((1000 * (Math.log10(value) - lo)) / (hi - lo));
    range.setAttribute("aria-valuetext", (mode === "N" ? "parameters " : "FLOP ") + value.toPrecision(3));
  };
  range.addEventListener("input", () => {
    const [lo, hi] = span[mode];
    value = 10 ** (lo + ((hi - lo) * Number(range.value)) / 1000);
    range.setAttribute("aria-valuetext", value.toPrecision(3));
    show();
  });
  box.addEventListener("change", () => {
    const given = Number(box.value.replace(/[\s,_]/g, ""));
    const valid = Number.isFinite(given) && given > 0;
    box.setAttribute("aria-invalid", String(!valid));
    if (valid) { value = given; toSlider(); show(); }
  });
  for (const radio of modes)
    radio.addEventListener("change", () => { mode = radio.value; value = start[mode]; toSlider(); show(); });
  toSlider();
  show();
})();
