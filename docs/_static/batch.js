// Draw batches of grades and watch what a normalized 0 stands for. Markup and exact numbers are made by docs/extensions/moving_page.py.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LOW = 35;
  const HIGH = 110;
  const KEPT = 150; // batches that the lower picture shows
  const WIDTH = 400;

  /** Uniform numbers in (0, 1) from a 32-bit state (mulberry32), so that a seed repeats a session. */
  function uniforms(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
    };
  }

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const average = (values) => sum(values) / values.length;

  /** Biased variance: the one that normalizes. */
  function variance(values) {
    const center = average(values);
    return average(values.map((value) => (value - center) ** 2));
  }

  /** The three ways of making a batch; each returns a function of the batch size. */
  function batchings(facts, uniform) {
    const grade = () =>
      facts.mean + facts.std * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    const many = (n, make) => Array.from({ length: n }, make);
    const sorted = many(facts.sorted_rows, grade).sort((a, b) => a - b);
    let next = 0;
    return {
      shuffled: (n) => many(n, grade),
      one_letter: (n) => {
        const wanted = letterOf(facts, grade());
        return many(n, () => {
          let value = grade();
          while (letterOf(facts, value) !== wanted) value = grade();
          return value;
        });
      },
      sorted: (n) => many(n, () => sorted[next++ % sorted.length]),
    };
  }

  const letterOf = (facts, grade) => facts.cuts.filter((cut) => grade >= cut).length;

  /** All that has happened since the start; pictures and sentences are made from it. */
  class Session {
    constructor(facts, choices) {
      Object.assign(this, choices);
      this.facts = facts;
      this.draw_from = batchings(facts, uniforms(choices.seed));
      this.batch = [];
      this.means = [];
      this.followed = [];
      this.counts = facts.letters.map(() => 0);
      this.batches = 0;
      this.running_mean = 0;
      this.running_var = 1;
    }

    draw() {
      this.batch = this.draw_from[this.batching](this.size);
      const center = average(this.batch);
      const unbiased = (variance(this.batch) * this.size) / (this.size - 1);
      this.running_mean += this.momentum * (center - this.running_mean);
      this.running_var += this.momentum * (unbiased - this.running_var);
      this.counts[letterOf(this.facts, center)] += 1;
      this.batches += 1;
      this.means = [...this.means, center].slice(-KEPT);
      this.followed = [...this.followed, this.running_mean].slice(-KEPT);
    }

    get mean() {
      return average(this.batch);
    }

    get std() {
      return Math.sqrt(variance(this.batch));
    }

    get exact() {
      return this.batching === "shuffled" ? this.facts.exact[this.size] : null;
    }
  }

  const element = (name, attributes = {}, text = "") => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  const line = (x1, y1, x2, y2, kind) => element("line", { x1, y1, x2, y2, class: kind });
  const text = (x, y, words, kind = "", anchor = "middle") =>
    element("text", { x, y, class: kind, "text-anchor": anchor }, words);
  const across = (grade) => ((Math.min(Math.max(grade, LOW), HIGH) - LOW) / (HIGH - LOW)) * WIDTH;

  /** Letters as bands, grades as points that fall in, and below them the axis that the batch lays over them. */
  function drawBatch(svg, session, still) {
    const { facts, batch } = session;
    const edges = [LOW, ...facts.cuts, HIGH];
    svg.replaceChildren();
    facts.letters.forEach((letter, i) => {
      const [from, to] = [across(edges[i]), across(edges[i + 1])];
      svg.append(element("rect", { x: from, y: 0, width: to - from, height: 130, class: `band band-${i % 2}` }));
      svg.append(text((from + to) / 2, 20, letter, "letter"));
    });
    edges.slice(1, -1).forEach((cut) => svg.append(text(across(cut), 146, String(cut), "tick")));
    if (!batch.length) return;
    const heights = new Map();
    batch.forEach((grade, i) => {
      const slot = Math.round(across(grade) / 8);
      const level = heights.get(slot) ?? 0;
      heights.set(slot, level + 1);
      const point = element("circle", { cx: across(grade), cy: 122 - (level % 12) * 8, r: 4, class: "grade" });
      if (!still) {
        point.classList.add("falls");
        point.style.animationDelay = `${Math.min(i * 15, 300)}ms`;
      }
      svg.append(point);
    });
    drawNormalizedAxis(svg, session);
  }

  function drawNormalizedAxis(svg, session) {
    svg.append(line(0, 172, WIDTH, 172, "axis"));
    for (const z of [-2, -1, 1, 2]) {
      const grade = session.mean + z * session.std;
      if (grade <= LOW || grade >= HIGH) continue;
      svg.append(line(across(grade), 168, across(grade), 176, "axis"));
      svg.append(text(across(grade), 192, String(z).replace("-", "−"), "tick"));
    }
    const zero = across(session.mean);
    svg.append(line(zero, 28, zero, 178, "zero"), text(zero, 196, "0", "zero-label"));
  }

  /** Bars: shares of the batches so far. Marks: the exact shares for shuffled batches. */
  function drawLetters(svg, session) {
    const { facts, counts, batches, exact } = session;
    const height = (share) => 120 * share;
    svg.replaceChildren(line(0, 140, WIDTH, 140, "axis"));
    facts.letters.forEach((letter, i) => {
      const center = (WIDTH * (i + 0.5)) / facts.letters.length;
      const share = batches ? counts[i] / batches : 0;
      svg.append(
        element("rect", { x: center - 22, y: 140 - height(share), width: 44, height: height(share), class: "bar" }),
      );
      if (batches) svg.append(text(center, 134 - Math.max(height(share), exact ? height(exact[i]) : 0), `${Math.round(100 * share)} %`, "tick"));
      if (exact) svg.append(line(center - 30, 140 - height(exact[i]), center + 30, 140 - height(exact[i]), "exact"));
      svg.append(text(center, 158, letter, "letter"));
    });
  }

  /** Points: means of batches. Line: the running mean. Dashes: the population's mean. */
  function drawRunning(svg, session) {
    const up = (grade) => 150 - ((grade - 40) / 60) * 140;
    const along = (i) => 30 + ((WIDTH - 40) * i) / (KEPT - 1);
    const shown = (grade) => Math.min(Math.max(up(grade), 4), 156);
    svg.replaceChildren();
    for (const tick of [50, 60, 70, 80, 90]) svg.append(text(24, up(tick) + 4, String(tick), "tick", "end"));
    svg.append(line(30, up(session.facts.mean), WIDTH - 10, up(session.facts.mean), "population"));
    session.means.forEach((grade, i) => svg.append(element("circle", { cx: along(i), cy: shown(grade), r: 2, class: "batch-mean" })));
    const points = session.followed.map((grade, i) => `${along(i)},${shown(grade)}`).join(" ");
    svg.append(element("polyline", { points, class: "running" }));
  }

  /** A grade with its letter, as sentences name it. */
  const named = (facts, grade) => `${grade.toFixed(1)} points, ${facts.articles[letterOf(facts, grade)]}`;

  function sentence(session) {
    const { facts, batches } = session;
    if (!batches) return "Draw a batch: its grades fall in, and its mean becomes 0.";
    return (
      `Batch ${batches}: in training mode, 0 stands for ${named(facts, session.mean)}. ` +
      `In evaluation mode, 0 stands for ${named(facts, session.running_mean)}; the running standard deviation is ` +
      `${Math.sqrt(session.running_var).toFixed(1)} points.`
    );
  }

  function lettersSentence(session) {
    const seen = session.facts.letters.filter((_, i) => session.counts[i] > 0);
    const so_far = session.batches ? `So far, 0 has stood for ${seen.join(", ")}. ` : "";
    return so_far + (session.exact ? "The marks are the exact chances." : "No exact chances are known for these batches.");
  }

  function start(root) {
    const facts = JSON.parse(root.querySelector("script[type='application/json']").textContent);
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    const seed = Number(new URLSearchParams(location.search).get("seed")) || Math.floor(Math.random() * 2 ** 32);
    const less_motion = matchMedia("(prefers-reduced-motion: reduce)");
    let session;

    const choices = () => ({
      seed,
      size: facts.sizes[Number(part("size").value)],
      momentum: facts.momenta[Number(part("momentum").value)],
      batching: root.querySelector("input[name='batching']:checked").value,
    });
    const show = (still) => {
      part("size-value").textContent = String(session.size);
      part("momentum-value").textContent = String(session.momentum);
      part("size").setAttribute("aria-valuetext", `${session.size} rows`);
      part("momentum").setAttribute("aria-valuetext", String(session.momentum));
      drawBatch(part("batch"), session, still || less_motion.matches);
      drawLetters(part("letters"), session);
      drawRunning(part("running"), session);
      part("sentence").textContent = sentence(session);
      part("letters-sentence").textContent = lettersSentence(session);
      const { batch, counts, batches, running_mean, running_var } = session;
      root.dataset.state = JSON.stringify({ batch, counts, batches, running_mean, running_var });
    };
    const again = () => {
      session = new Session(facts, choices());
      show(true);
    };
    const draw = (batches) => {
      for (let i = 0; i < batches; i++) session.draw();
      show(batches > 1);
    };
    part("draw").addEventListener("click", () => draw(1));
    part("draw-many").addEventListener("click", () => draw(facts.many));
    part("again").addEventListener("click", again);
    // Another momentum goes on with the same batches; another size or rule starts anew.
    part("momentum").addEventListener("input", () => {
      session.momentum = choices().momentum;
      show(true);
    });
    part("size").addEventListener("input", again);
    root.querySelectorAll("input[name='batching']").forEach((input) => input.addEventListener("change", again));
    again();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".batch-page").forEach(start));
})();
