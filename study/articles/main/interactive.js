(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("answer-data").textContent);
  const LN6 = Math.log(6), NBSP = "\u00a0";
  const range = document.getElementById("answer-range"), box = document.getElementById("answer-text");
  const out = document.getElementById("answer-out"), chooser = document.getElementById("answer-conventions");
  const modes = [...document.querySelectorAll('input[name="answer-mode"]')];
  const span = { N: [5, 12], C: [14, 26] }; // decades the slider covers
  const start = data.start;

  const unpack = (convention) => { // float32, little-endian: E, ln A, ln B, alpha, beta; then ln G and a of each draw
    const bytes = Uint8Array.from(atob(convention.draws), (c) => c.charCodeAt(0)), view = new DataView(bytes.buffer);
    const S = convention.size, column = (k) => Float64Array.from({ length: S }, (_, i) => view.getFloat32(4 * (k * S + i), true));
    const [E, lnA, lnB, alpha, beta] = [0, 1, 2, 3, 4].map(column);
    const lnG = alpha.map((x, i) => (Math.log(x) + lnA[i] - Math.log(beta[i]) - lnB[i]) / (x + beta[i]));
    return { ...convention, E, lnA, lnB, alpha, beta, lnG, a: alpha.map((x, i) => beta[i] / (x + beta[i])) };
  };
  const conventions = data.conventions.map(unpack);
  let mode = "N", value = start.N, d = conventions[0];

  // as the text of the articles prints them (text.py)
  const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const units = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];
  const power = (x, digits = 2) => {
    const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
    const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
    const ten = "10" + [...String(Number(exponent))].map((c) => RAISED[c]).join("");
    return short === "1" ? ten : short + NBSP + "×" + NBSP + ten;
  };
  const significant = (x, digits = 3) => {
    if (x === 0) return "0";
    const size = (y) => Math.floor(Math.log10(Math.abs(y)));
    if (size(x) < -4 || size(x) >= 6) return power(x, digits);
    const decimals = Math.max(0, digits - 1 - size(Number(x.toPrecision(digits))));
    const [whole, rest] = x.toFixed(decimals).split(".");
    return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest ? "." + rest : "");
  };
  const count = (x, digits = 3) => {
    if (x >= 1e15) return power(x, digits);
    const rounded = Number(x.toPrecision(digits));
    for (const [unit, name] of units)
      if (rounded >= unit) return (x === Math.round(x / unit) * unit ? String(x / unit) : significant(x / unit, digits)) + NBSP + name;
    return significant(x, digits);
  };

  const quantile = (sorted, q) => {
    const at = (sorted.length - 1) * q, i = Math.floor(at), rest = at - i;
    return sorted[i] + (i + 1 < sorted.length ? rest * (sorted[i + 1] - sorted[i]) : 0);
  };
  const QUANTILES = [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975];
  const summary = (values) => { // quantiles, and the relative Monte Carlo error of each
    const s = Float64Array.from(values).sort(), at = QUANTILES.map((q) => quantile(s, q));
    const error = QUANTILES.map((q) => {
      const half = Math.sqrt((q * (1 - q)) / d.effective);
      return Math.log(quantile(s, Math.min(1, q + half)) / quantile(s, Math.max(0, q - half))) / 2;
    });
    return { at, error };
  };
  const times = (found, factor) => ({ ...found, at: found.at.map((x) => x * factor) });
  const held = (found, k, form) => { // to the digits that hold (digits.py)
    const x = found.at[k], holds = (digits) => x * found.error[k] <= 0.5 * 10 ** (Math.floor(Math.log10(x)) - digits + 1);
    const digits = [3, 2].find(holds) ?? 1;
    return form(Number(x.toPrecision(digits)), digits);
  };
  const optimum = (lnG, a) => { // [ln N, ln D] of a law N_opt = G (C/6)^a at what was asked
    if (mode === "N") {
      const lnN = Math.log(value);
      return [lnN, ((1 - a) / a) * (lnN - lnG) - lnG];
    }
    const u = Math.log(value) - LN6, lnN = lnG + a * u;
    return [lnN, u - lnN];
  };
  const solve = () => { // per draw, summarised last
    const rows = { N: [], D: [], C: [], ratio: [], loss: [] };
    for (let i = 0; i < d.size; i++) {
      const [lnN, lnD] = optimum(d.lnG[i], d.a[i]);
      rows.N.push(Math.exp(lnN));
      rows.D.push(Math.exp(lnD));
      rows.C.push(Math.exp(LN6 + lnN + lnD));
      rows.ratio.push(Math.exp(lnD - lnN));
      rows.loss.push(d.E[i] + Math.exp(d.lnA[i] - d.alpha[i] * lnN) + Math.exp(d.lnB[i] - d.beta[i] * lnD));
    }
    return rows;
  };

  const tag = "table"; // Quarto looks for literal tables in raw HTML and warns of those that it cannot read
  const table = (caption, head, rows) =>
    `<div class="table-scroll" tabindex="0" role="region" aria-label="${caption}"><${tag}><thead><tr>${head.map((h) => `<th scope="col">${h}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></${tag}></div>`;
  const row = (name, q, form) =>
    `<tr><th scope="row">${name}</th><td>${held(q, 3, form)}</td>${[[0, 6], [1, 5], [2, 4]].map(([i, j]) => `<td>[${held(q, i, form)},${NBSP}${held(q, j, form)}]</td>`).join("")}</tr>`;
  const strip = (q) => { // the interval of tokens as a picture
    const lo = Math.floor(Math.log10(q[0])) - 1, hi = Math.ceil(Math.log10(q[6])) + 1;
    const x = (v) => 20 + (560 * (Math.log10(v) - lo)) / (hi - lo), every = Math.ceil((hi - lo) / 10);
    let ticks = "";
    for (let k = lo; k <= hi; k += every)
      ticks += `<line x1="${x(10 ** k)}" x2="${x(10 ** k)}" y1="30" y2="34" stroke="currentColor"/><text x="${x(10 ** k)}" y="46" font-size="10" text-anchor="middle" fill="currentColor">${count(10 ** k)}</text>`;
    const band = (i, j, h) => `<rect x="${x(q[i])}" width="${Math.max(1, x(q[j]) - x(q[i]))}" y="${16 - h / 2}" height="${h}" fill="#0072B2" opacity="0.4"/>`;
    return `<svg viewBox="0 0 600 50" role="img" aria-label="Interval of compute-optimal tokens">${band(0, 6, 6)}${band(1, 5, 11)}${band(2, 4, 16)}<circle cx="${x(q[3])}" cy="16" r="4" fill="#fff" stroke="#0072B2" stroke-width="2"/>${ticks}</svg>`;
  };
  const warning = (beyond) => { // grows with the extrapolation factor
    const decades = Math.max(0, Math.log10(beyond)), level = decades <= 0 ? 0 : decades < 1 ? 1 : decades < 3 ? 2 : 3;
    const words = ["The runs cover this compute.",
      "A little beyond the runs.",
      "Well beyond the runs: the interval holds only if this law does.",
      "Far beyond the runs: the form of the law decides here as much as they do, and no interval of one law holds that doubt."];
    const factor = level ? `${beyond < 1e6 ? significant(beyond, 2) : power(beyond)} times the largest compute that was fitted. ` : "";
    return `<div data-level="${level}"><div class="gauge"><span style="width:${Math.min(100, Math.max(4, 10 * decades))}%"></span></div><p class="said beyond">${factor}${words[level]}</p></div>`;
  };
  const law = (one) => {
    const [lnN, lnD] = optimum(one.lnG, one.a);
    return `<tr><th scope="row">${one.label}</th><td>${count(Math.exp(mode === "N" ? lnD : lnN))}</td>${mode === "N" ? "" : `<td>${count(Math.exp(lnD))}</td>`}<td>${significant(Math.exp(lnD - lnN))}</td><td>${one.counts}</td></tr>`;
  };
  const show = () => {
    const rows = solve(), D = summary(rows.D), C = summary(rows.C);
    const body = [row("tokens D", D, count), row("bytes of text", times(D, data.bytesPerToken), count),
      row("tokens a parameter", summary(rows.ratio), significant)];
    body.push(mode === "N" ? row("compute C (FLOP)", C, power) : row("parameters N", summary(rows.N), count));
    body.push(row("loss (nats/token)", summary(rows.loss), significant));
    out.innerHTML = strip(D.at) + table("This study's answer", ["", "median", ...["95", "80", "50"].map((level) => level + NBSP + "%")], body) +
      warning(C.at[3] / d.largestC) + `<h3>The published laws there</h3>` +
      table("The published laws", ["law", ...(mode === "N" ? [] : ["N"]), "tokens D", "tokens a parameter", "its N counts"], data.laws.map(law)) +
      `<p class="said">From ${d.size} posterior draws, to the digits that hold. Published laws are for other text and other tokens.</p>`;
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
  for (const one of conventions) {
    const label = document.createElement("label"), radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "answer-convention", value: one.key, checked: one === d });
    radio.addEventListener("change", () => { d = one; show(); });
    label.append(radio, " " + one.label);
    chooser.append(label);
  }
  toSlider();
  show();
})();
