// The page looks numbers up and draws them. It computes none: all come from the library's kernels (data.py).
const state = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
let language = state.lang === "ko" ? "ko" : "en";
const t = name => texts[language][name] ?? texts.en[name];
const $ = id => document.getElementById(id);
const show = v => String(Math.round(v * 1e4) / 1e4);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A grid of numbers. kind(i, j) is the class of a cell, hot(i, j) whether it is marked.
function grid(name, caption, numbers, kind, hot = () => false, pick = null) {
  const table = element("table", {"data-name": name, "aria-label": caption});
  numbers.forEach((row, i) => {
    const tr = table.insertRow();
    row.forEach((value, j) => {
      const td = tr.insertCell();
      td.textContent = show(value);
      td.className = kind(i, j) + (hot(i, j) ? " hot" : "");
      if (pick) td.onmouseenter = () => pick(i, j);
    });
  });
  const size = `${numbers.length}×${numbers[0].length}`;
  return element("figure", {}, element("figcaption", {}, `${caption} ${size}`), table);
}

function remember(name, value) {
  state[name] = value;
  history.replaceState(null, "", "#" + new URLSearchParams(state));
}

// Sliders of one section. values(): what the sliders say; limits(values) may narrow a slider's range.
function sliders(section, definitions, redraw) {
  const inputs = {}, box = element("fieldset");
  for (const [name, values, start] of definitions) {
    const id = `${section}-${name}`;
    const input = element("input", {type: "range", id, min: 0, max: values.length - 1, step: 1});
    const kept = values.findIndex(v => String(v) === state[id]);
    input.value = kept >= 0 ? kept : values.indexOf(start);
    const output = element("output", {for: id}, "");
    input.oninput = () => { remember(id, values[input.value]); update(); };
    box.append(element("label", {}, t(name), input, output));
    inputs[name] = {input, output, values};
  }
  function read() {
    const found = {};
    for (const [name, {input, values}] of Object.entries(inputs)) found[name] = values[input.value];
    return found;
  }
  function update() {
    redraw(read(), inputs);
    for (const {input, output, values} of Object.values(inputs)) {
      output.textContent = values[input.value];
      input.setAttribute("aria-valuetext", values[input.value]);
    }
  }
  return {box, update};
}

function section(id, draw) {
  const part = element("section", {id});
  part.append(element("h2", {}, t(`${id}.title`)), element("p", {}, t(`${id}.words`)));
  draw(part);
  $("main").append(part);
}

const all = kind => () => kind;
const upTo = n => Array.from({length: n}, (_, i) => i);

// The slider that steps through the cells of a result. set(count) says how many there are and gives the chosen one.
function stepper(id, redraw) {
  const input = element("input", {type: "range", id, min: 0, value: 0, step: 1}), output = element("output", {for: id}, "");
  const kept = /^\d+$/.test(state[id] ?? "") ? +state[id] : 0;  // an address may hold anything
  input.max = Math.max(kept, 1);
  input.value = kept;
  input.oninput = () => { remember(id, input.value); redraw(); };
  return {
    box: element("fieldset", {}, element("label", {}, t("step"), input, output)),
    none() { input.disabled = true; output.textContent = ""; },
    go(at) { input.value = at; redraw(); },
    set(count) {
      input.disabled = false;
      input.max = count - 1;
      const at = Math.min(+input.value, count - 1);
      output.textContent = `${at + 1} / ${count}`;
      input.setAttribute("aria-valuetext", output.textContent);
      return at;
    },
  };
}

// 1. Convolution: each result reads a window of the padded image
function conv(part) {
  const r = data.ranges, figures = element("div", {class: "row"}), sum = element("p", {class: "sum", role: "status", id: "conv-sum"});
  const steps = stepper("conv-step", () => box.update());
  const box = sliders("conv", [
    ["size", r.conv_size, 5], ["kernel", r.conv_kernel, 3], ["stride", r.stride, 1], ["padding", r.padding, 1],
    ["dilation", r.dilation, 1],
  ], v => {
    const found = data.conv[[v.size, v.kernel, v.stride, v.padding, v.dilation].join("-")];
    figures.replaceChildren();
    if (!found) { steps.none(); sum.textContent = t("conv.nothing"); return; }
    const {output, padded, kernel} = found, width = output[0].length, d = v.dilation;
    const step = steps.set(output.length * width), si = Math.floor(step / width), sj = step % width;
    const tap = (i, first) => (i - first) % d === 0 && i >= first && i < first + d * v.kernel;
    const go = (i, j) => steps.go(i * width + j);
    const edge = i => i < v.padding || i >= padded.length - v.padding;
    figures.append(
      grid("conv-input", t("input"), found.input, all("k0")), grid("conv-kernel", t("kernel"), kernel, all("k3")),
      grid("conv-padded", t("padded"), padded, (i, j) => edge(i) || edge(j) ? "k2" : "k0",
        (i, j) => tap(i, si * v.stride) && tap(j, sj * v.stride)),
      grid("conv-output", t("output"), output, all("k5"), (i, j) => i === si && j === sj, go));
    const terms = [];
    kernel.forEach((row, a) => row.forEach((w, b) => {
      const value = padded[si * v.stride + a * d][sj * v.stride + b * d];
      if (value) terms.push(`${show(value)}·${show(w)}`);
    }));
    sum.textContent = `${t("gather")}: ${terms.join(" + ") || "0"} = ${show(output[si][sj])}`;
  });
  part.append(box.box, steps.box, figures, sum);
  box.update();
}

// 2. Transposed convolution: gather (each output reads a window) and scatter (each pixel stamps the kernel)
function transposed(part) {
  const r = data.ranges, figures = element("div", {class: "row"}), sum = element("p", {class: "sum", role: "status", id: "sum"});
  const steps = stepper("transposed-step", () => box.update());
  const box = sliders("transposed", [
    ["size", r.size, 2], ["kernel", r.kernel, 3], ["stride", r.stride, 2], ["padding", r.padding, 1],
    ["output_padding", [0, 1, 2], 0], ["dilation", r.dilation, 1],
  ], (v, inputs) => {
    // with dilation 2 only some sizes were computed: go to the nearest
    for (const name of v.dilation > 1 ? ["size", "kernel"] : []) {
      const known = r["dilated_" + name], put = Math.min(Math.max(v[name], known[0]), known[known.length - 1]);
      v[name] = put; inputs[name].input.value = r[name].indexOf(put);
    }
    if (v.output_padding >= v.stride) { v.output_padding = v.stride - 1; inputs.output_padding.input.value = v.output_padding; }
    const found = data.transposed[[v.size, v.kernel, v.stride, v.padding, v.output_padding, v.dilation].join("-")];
    figures.replaceChildren();
    if (!found) { steps.none(); sum.textContent = t("nothing"); return; }
    const full = found.full, width = full[0].length;
    const step = steps.set(full.length * width);
    const si = Math.floor(step / width), sj = step % width, k = v.kernel, p = v.padding, d = v.dilation;
    const border = d * (k - 1), tap = (i, first) => i >= first && i <= first + border && (i - first) % d === 0;
    const inside = (i, j) => i >= p && j >= p && i < full.length - p && j < width - p;
    const go = (i, j) => steps.go(i * width + j);
    const stamps = (i, j) => tap(si, i * v.stride) && tap(sj, j * v.stride);
    figures.append(
      grid("input", t("input"), found.input, all("k0"), stamps),
      grid("kernel", t("kernel"), found.kernel, all("k3")),
      grid("zeros inserted", t("zeros"), found["zeros inserted"], (i, j) => "k" + found.kinds[i + border][j + border]),
      grid("padded", t("padded"), found.padded, (i, j) => "k" + found.kinds[i][j],
        (i, j) => tap(i, si) && tap(j, sj)),
      grid("rotated kernel", t("rotated"), found["rotated kernel"], all("k3")),
      grid("full", t("full"), full, (i, j) => inside(i, j) ? "k4" : "k7", (i, j) => i === si && j === sj, go),
      grid("output", t("output"), found.output, all("k5"), (i, j) => i === si - p && j === sj - p,
        (i, j) => go(i + p, j + p)),
    );
    const gather = [], scatter = [];
    upTo(k).forEach(a => upTo(k).forEach(b => {
      const value = found.padded[si + a * d][sj + b * d];
      if (value) gather.push(`${show(value)}·${show(found["rotated kernel"][a][b])}`);
    }));
    found.input.forEach((row, i) => row.forEach((value, j) => {
      if (stamps(i, j)) scatter.push(`${show(value)}·${show(found.kernel[(si - i * v.stride) / d][(sj - j * v.stride) / d])}`);
    }));
    const line = (word, terms) => `${t(word)}: ${terms.join(" + ") || "0"} = ${show(full[si][sj])}`;
    sum.replaceChildren(line("gather", gather), element("br"), line("scatter", scatter));
  });
  part.append(box.box, steps.box, figures, sum);
  box.update();
}

// 3. The misconception: pad first, insert zeros afterwards
function early(part) {
  const n = data.early.right.length, m = data.early.wrong.length;
  part.append(element("div", {class: "row"},
    grid("early-right", t("early.right"), data.early.right, (i, j) => data.early.right[i][j] ? "k0" : "k1"),
    grid("early-wrong", t("early.wrong"), data.early.wrong, (i, j) => data.early.wrong[i][j] ? "k0" : "k1")),
  element("p", {}, `${t("early.sizes")} ${n - 2}, ${m - 2}`));
}

// 4. A convolution as a matrix, and its transpose
function matrix(part) {
  const figures = element("div", {class: "row"});
  const box = sliders("matrix", [["kernel", [1, 2, 3], 3], ["stride", [1, 2], 1], ["padding", [0, 1], 0]], v => {
    const found = data.matrix[[v.kernel, v.stride, v.padding].join("-")];
    const transposedC = found.c[0].map((_, j) => found.c.map(row => row[j]));
    const filled = numbers => (i, j) => numbers[i][j] ? "k3" : "k1";
    figures.replaceChildren(
      grid("C", "C", found.c, filled(found.c)), grid("CT", "Cᵀ", transposedC, filled(transposedC)),
      grid("g", "g", found.g, all("k6")), grid("grad", t("backward"), found.grad, all("k5")));
  });
  part.append(box.box, figures);
  box.update();
}

// 5. Checkerboard: how often each pixel of the result is written
function board(part) {
  const figures = element("div", {class: "row"});
  const box = sliders("board", [["kernel", [1, 2, 3, 4, 5, 6], 3], ["stride", [1, 2, 3, 4], 2]], v => {
    const found = data.board[[v.kernel, v.stride].join("-")];
    const most = Math.max(...found.image.flat());
    const image = grid("board", t("board.image"), found.image, all(""));
    image.querySelectorAll("td").forEach(td => {
      const share = +td.textContent / most;
      td.style.background = `rgba(0,114,178,${0.75 * share})`;
    });
    const even = new Set(found.phases.flat()).size === 1;
    figures.replaceChildren(grid("phases", t("board.phases"), found.phases, all("k4")),
      element("p", {id: "even"}, t(even ? "board.even" : "board.uneven")), image);
  });
  part.append(box.box, figures);
  box.update();
}

// 6. Bilinear interpolation as a matrix
function bilinear(part) {
  const figures = element("div", {class: "row"});
  const box = sliders("bilinear", [["from", [2, 3, 4, 5, 6], 4], ["to", [2, 3, 4, 5, 6, 7, 8, 10, 12], 8]], v => {
    figures.replaceChildren(...[0, 1].map(corners => {
      const found = data.bilinear[[v.from, v.to, corners].join("-")];
      return element("div", {}, element("h3", {}, `align_corners=${corners ? "True" : "False"}`),
        grid(`A${corners}`, "A", found.matrix, (i, j) => found.matrix[i][j] ? "k3" : "k1"),
        grid(`row${corners}`, t("bilinear.row"), [found.row], all("k5")));
    }));
  });
  part.append(box.box, figures);
  box.update();
}

// 7. FCN's way to enlarge beside bilinear interpolation: the border differs
function border(part) {
  const r = data.ranges, figures = element("div", {class: "row"});
  const box = sliders("border", [["factor", r.factor, 2], ["image", r.image, r.image[0]]], v => {
    const found = data.border[[v.factor, r.image.indexOf(v.image)].join("-")];
    const differs = (i, j) => Math.abs(found.difference[i][j]) > 0;
    figures.replaceChildren(
      grid("border-input", t("input"), found.input, all("k0")),
      grid("border-fcn", t("border.fcn"), found.fcn, all("k5"), differs),
      grid("border-bilinear", t("border.bilinear"), found.bilinear, all("k5"), differs));
  });
  part.append(box.box, figures);
  box.update();
}

// 8. Max pooling and unpooling
function pool(part) {
  const figures = element("div", {class: "row"});
  const box = sliders("pool", [["kernel", [2, 3], 2], ["stride", [1, 2, 3], 2]], v => {
    const found = data.pool[[v.kernel, v.stride].join("-")];
    figures.replaceChildren(
      grid("pool-input", t("input"), found.input, all("k0"), (i, j) => found.gradient[i][j] > 0),
      grid("pool-output", t("output"), found.output, all("k5")),
      grid("pool-taps", t("pool.taps"), found.taps, all("k4")),
      grid("pool-unpooled", t("pool.unpooled"), found.unpooled, (i, j) => found.unpooled[i][j] ? "k5" : "k1"),
      grid("pool-gradient", t("pool.gradient"), found.gradient, (i, j) => found.gradient[i][j] ? "k6" : "k1"));
  });
  part.append(box.box, figures);
  box.update();
}

// 9. The sizes of a valid U-Net
function unet(part) {
  const picture = element("div", {id: "u"});
  const sides = upTo(700).map(i => i + 1);
  const box = sliders("unet", [["side", sides, 572], ["depth", [1, 2, 3, 4, 5], 4]], v => {
    const found = data.unet[v.depth], fitting = Object.keys(found).map(Number);
    if (!found[v.side]) {
      const below = fitting.filter(n => n < v.side).pop(), above = fitting.find(n => n > v.side);
      picture.textContent = `${v.side}: ${t("unet.not")} ${[below, above].filter(Boolean).join(", ")}`;
      return;
    }
    picture.replaceChildren(drawU(found[v.side], v.depth));
  });
  part.append(box.box, picture);
  box.update();
}

function drawU(sizes, depth) {
  const NS = "http://www.w3.org/2000/svg", width = 640, step = 70, height = step * (depth + 1) + 20;
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `U-Net ${sizes.input} → ${sizes.output}`);
  const add = (tag, attributes, text) => {
    const made = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    svg.append(made);
  };
  const box = (x, y, text, fill) => {
    add("rect", {x, y, width: 92, height: 30, fill, stroke: "#555"});
    add("text", {x: x + 46, y: y + 20, "text-anchor": "middle", "font-size": 14}, text);
  };
  const place = level => [20 + level * 40, 10 + level * step, width - 112 - level * 40];
  sizes.levels.forEach(([enter, skip, up, crop, leave], level) => {
    const [left, y, right] = place(level);
    box(left, y, `${enter} → ${skip}`, "#9cc9ee");
    box(right, y, `${up} → ${leave}`, "#56b890");
    add("line", {x1: left + 92, y1: y + 15, x2: right, y2: y + 15, stroke: "#555", "stroke-dasharray": "5 4"});
    add("text", {x: width / 2, y: y + 10, "text-anchor": "middle", "font-size": 13}, `${t("crop")} ${crop}`);
    const deepest = level === depth - 1, [below, , belowRight] = place(level + 1), middle = (below + belowRight) / 2;
    add("line", {x1: left + 46, y1: y + 30, x2: deepest ? middle : below + 46, y2: y + step, stroke: "#555"});
    add("line", {x1: deepest ? middle + 92 : belowRight + 46, y1: y + step, x2: right + 46, y2: y + 30, stroke: "#555"});
  });
  const [left, y, right] = place(depth);
  box((left + right) / 2, y, `${sizes.bottom[0]} → ${sizes.bottom[1]}`, "#f7d48b");
  return svg;
}

// 10. Overlap-tile: what is read for each tile, and what is kept of it
function tile(part) {
  const r = data.ranges, picture = element("div", {id: "tiles"}), words = element("p", {class: "sum", id: "tile-words"});
  const names = Object.keys(data.tile), numbers = upTo(100).map(i => i + 1);
  const box = sliders("tile", [["net", names, names[0]], ["image_side", r.image_side, 600], ["tile", r.tile, 300],
    ["number", numbers, 1]], (v, inputs) => {
    const {spans, margin, mirrors} = data.tile[v.net], along = spans[[v.image_side, v.tile].join("-")], n = along.length;
    if (v.number > n * n) { v.number = n * n; inputs.number.input.value = v.number - 1; }
    const row = along[Math.floor((v.number - 1) / n)], column = along[(v.number - 1) % n];
    const low = Math.min(0, along[0][0]), high = Math.max(v.image_side, along[n - 1][1]), edge = 8;
    const NS = "http://www.w3.org/2000/svg", svg = document.createElementNS(NS, "svg");
    const width = high - low + 2 * edge;
    svg.setAttribute("viewBox", `${low - edge} ${low - edge} ${width} ${width}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", t("tile.title"));
    const rect = ([y, ye], [x, xe], attributes) => {
      const made = document.createElementNS(NS, "rect");
      Object.entries({x, y, width: xe - x, height: ye - y, ...attributes}).forEach(([name, value]) => made.setAttribute(name, value));
      svg.append(made);
    };
    const line = width / 200, whole = [0, v.image_side];
    if (mirrors) rect([low, high], [low, high], {fill: "#ddd", stroke: "#777", "stroke-width": line, "stroke-dasharray": `${4 * line} ${3 * line}`});
    rect(whole, whole, {fill: "#9cc9ee", stroke: "#555", "stroke-width": line});
    upTo(v.number - 1).forEach(i => rect(along[Math.floor(i / n)].slice(2), along[i % n].slice(2), {fill: "#56b890", "fill-opacity": 0.45, stroke: "#fff", "stroke-width": line}));
    rect(row, column, {fill: "#f7d48b", "fill-opacity": 0.6, stroke: "#d55e00", "stroke-width": 2 * line});
    rect(row.slice(2), column.slice(2), {fill: "#56b890", stroke: "#222", "stroke-width": 2 * line});
    picture.replaceChildren(svg);
    const size = ([from, to, first, last]) => [to - from, last - first];
    const [readRows, keptRows] = size(row), [readColumns, keptColumns] = size(column);
    words.textContent = `${t("tile.number")} ${v.number} / ${n * n}: ${t("tile.reads")} ${readRows}×${readColumns}, ` +
      `${t("tile.keeps")} ${keptRows}×${keptColumns}; ${t("tile.margin")} ${margin}`;
  });
  part.append(box.box, picture, words);
  box.update();
}

// 11. The receptive field: what part of the image one pixel of the output sees
function field(part) {
  const picture = element("div"), words = element("p", {class: "sum", id: "field-words"});
  const names = Object.keys(data.field), pixels = upTo(Math.max(...names.map(n => data.field[n].seen.length)));
  const box = sliders("field", [["net", names, names[0]], ["pixel", pixels, 194]], (v, inputs) => {
    const {input, seen} = data.field[v.net];
    if (v.pixel >= seen.length) { v.pixel = seen.length - 1; inputs.pixel.input.value = v.pixel; }
    const [first, last] = seen[v.pixel], low = Math.min(0, ...seen.map(s => s[0])), high = Math.max(input, ...seen.map(s => s[1] + 1));
    const NS = "http://www.w3.org/2000/svg", svg = document.createElementNS(NS, "svg");
    svg.setAttribute("viewBox", `${low} 0 ${high - low} 90`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", t("field.title"));
    const rect = (x, y, width, fill, opacity) => {
      const made = document.createElementNS(NS, "rect");
      Object.entries({x, y, width, height: 30, fill, "fill-opacity": opacity, stroke: "#555"}).forEach(([k, w]) => made.setAttribute(k, w));
      svg.append(made);
    };
    const start = (input - seen.length) / 2;
    rect(start, 5, seen.length, "#56b890", 0.5);
    rect(start + v.pixel - 1, 2, 3, "#d55e00", 1);
    rect(0, 50, input, "#9cc9ee", 1);
    rect(first, 47, last - first + 1, "#d55e00", 0.35);
    svg.onclick = event => {  // a click on the green bar chooses the pixel
      const at = Math.floor(low + (event.offsetX / svg.clientWidth) * (high - low) - start);
      if (at < 0 || at >= seen.length) return;
      inputs.pixel.input.value = at;
      remember("field-pixel", at);
      box.update();
    };
    picture.replaceChildren(svg);
    words.textContent = `${t("field.sees")} ${first} … ${last}: ${last - first + 1}`;
  });
  part.append(box.box, picture, words);
  box.update();
}

// 12. What backward does, step by step
function graph(part) {
  const figures = element("div", {class: "row"}), words = element("p", {class: "sum", id: "graph-words"});
  const names = data.graph.map((_, i) => i + 1);
  const box = sliders("graph", [["step", names, 1]], v => {
    figures.replaceChildren(...data.graph.slice(0, v.step).map((stage, i) =>
      grid(`graph-${i}`, stage.name, stage.array, all(i === v.step - 1 ? "k6" : "k4"))));
    words.textContent = data.graph[v.step - 1].words;
  });
  part.append(box.box, figures, words);
  box.update();
}

function draw() {
  document.documentElement.lang = language;
  document.title = `${t("title")} · minitensor`;
  document.querySelectorAll("[data-t]").forEach(e => { e.textContent = t(e.dataset.t); });
  $("language").textContent = language === "en" ? "한국어" : "English";
  $("legend").replaceChildren(...[["k0", "input"], ["k1", "zero"], ["k2", "padding"], ["k3", "kernel"], ["k5", "output"],
    ["k6", "gradient"], ["k7", "cropped"]].map(([kind, name]) => element("span", {class: kind}, t(name))));
  $("main").replaceChildren();
  // #only=transposed,board shows these sections alone: the chapters of the site do so
  const parts = {conv, transposed, early, matrix, board, bilinear, border, pool, unet, tile, field, graph};
  const only = (state.only || "").split(",").filter(id => id in parts);
  for (const id of only.length ? only : Object.keys(parts)) section(id, parts[id]);
}

$("language").onclick = () => {
  language = language === "en" ? "ko" : "en";
  remember("lang", language);
  draw();
};
// Another link to this page was followed in the same tab. (What the sliders remember does not come here.)
window.onhashchange = () => location.reload();
draw();
window.ready = true;
