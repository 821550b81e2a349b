// Clips side by side in lockstep: one clock, frame steps, speed, zoom, and what can be laid over them.

const ZOOMS = [1, 2, 4];
const PAUSE = 700; // [ms] between attempts to load

export function videoOf(address) {
  const video = document.createElement("video");
  Object.assign(video, { src: address, muted: true, playsInline: true, preload: "auto", disablePictureInPicture: true });
  video.tabIndex = -1;
  return video;
}

export class Player {
  // told(frame, frames, playing) is called for every picture, failed() when a clip does not load.
  constructor(stage, told, failed) {
    Object.assign(this, { stage, told, failed, panes: [], speed: 1, zoom: 0, playing: false });
    stage.addEventListener("pointermove", (event) => this.point(event));
    const tick = () => { this.tick(); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  }

  // sides: [{fps, frames, width, height, title}], videos: one element each. Resolves when all can be seen.
  async show(sides, videos) {
    this.stop();
    this.panes = sides.map((side, place) => pane(side, videos[place]));
    this.stage.replaceChildren(...this.panes.map((one) => one.figure));
    this.setSpeed(this.speed);
    this.setZoom(0);
    const panes = this.panes;
    await Promise.all(panes.map((one) => shown(one.video, () => this.panes === panes, () => this.failed())));
    this.seek(0);
  }

  get fps() { return this.panes[0]?.side.fps || 24; }
  get frames() { return Math.min(...this.panes.map((one) => one.side.frames)); }
  get frame() {
    const time = this.panes[0]?.video.currentTime || 0;
    return Math.min(Math.floor(time * this.fps + 1e-6), this.frames - 1);
  }

  seek(frame) {
    const time = (Math.min(Math.max(frame, 0), this.frames - 1) + 0.5) / this.fps;
    for (const { video } of this.panes) video.currentTime = time;
  }

  step(by) {
    this.stop();
    this.seek(this.frame + by);
  }

  play() {
    this.playing = true;
    for (const { video } of this.panes) video.play().catch(() => {});
  }

  stop() {
    if (this.playing) {
      this.playing = false;
      for (const { video } of this.panes) video.pause();
      this.seek(this.frame); // the same frame on all sides, whatever each had reached
    }
  }

  toggle() { this.playing ? this.stop() : this.play(); }

  setSpeed(speed) {
    this.speed = speed;
    for (const { video } of this.panes) video.playbackRate = speed;
  }

  setZoom(zoom) {
    this.zoom = zoom % ZOOMS.length;
    for (const { inside } of this.panes) inside.style.transform = `scale(${ZOOMS[this.zoom]})`;
    return ZOOMS[this.zoom];
  }

  point(event) {
    const over = this.panes.find((one) => one.window.contains(event.target));
    if (!over || this.zoom === 0) return;
    const box = over.window.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    for (const { inside } of this.panes) inside.style.transformOrigin = `${100 * x}% ${100 * y}%`;
  }

  tick() {
    if (!this.panes.length) return;
    const [first, ...others] = this.panes.map((one) => one.video);
    if (this.playing) {
      const end = this.frames / this.fps - 0.25 / this.fps;
      if (first.ended || first.currentTime >= end || others.some((video) => video.ended)) {
        this.seek(0);
        this.play();
      }
      for (const video of others) {
        if (Math.abs(video.currentTime - first.currentTime) > 0.5 / this.fps) video.currentTime = first.currentTime;
      }
    }
    this.told(this.frame, this.frames, this.playing);
    for (const one of this.panes) this.draw(one);
  }

  // flow: {length, rows, columns, cell, data} or null; scores: {plausibility, per_frame, parts, gate} or null.
  lay(place, { flow, scores }) {
    Object.assign(this.panes[place], { flow, scores, drawn: "" });
  }

  draw(one) {
    const now = `${this.frame}/${Boolean(one.flow)}/${Boolean(one.scores)}`;
    if (one.drawn === now) return;
    one.drawn = now;
    one.flowCanvas.hidden = !one.flow;
    one.scoresCanvas.hidden = one.told.hidden = !one.scores;
    if (one.flow) drawFlow(one.flowCanvas, one.side, one.flow, this.frame);
    if (one.scores) one.told.textContent = drawScores(one.scoresCanvas, one.scores, this.frame);
  }
}

function pane(side, video) {
  const figure = document.createElement("figure");
  figure.className = "pane";
  const frame = document.createElement("div");
  frame.className = "window";
  const inside = document.createElement("div");
  inside.className = "inside";
  const [flowCanvas, scoresCanvas] = [document.createElement("canvas"), document.createElement("canvas")];
  scoresCanvas.className = "scores";
  const told = document.createElement("p");
  told.className = "told";
  flowCanvas.hidden = scoresCanvas.hidden = told.hidden = true;
  const words = document.createElement("figcaption");
  const [title, verdict] = [document.createElement("span"), document.createElement("span")];
  title.textContent = side.title;
  words.append(title, verdict);
  inside.append(video, flowCanvas);
  frame.append(inside);
  figure.append(frame, scoresCanvas, told, words);
  return { side, video, figure, window: frame, inside, flowCanvas, scoresCanvas, told, verdict };
}

// Resolves when the clip can be seen; one that broke off is asked for again until it comes, or nobody waits for it.
async function shown(video, waited, failed) {
  while (video.readyState < 2 && waited()) {
    if (video.error) {
      failed();
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      video.load();
    }
    await new Promise((resolve) => {
      for (const event of ["loadeddata", "error"]) video.addEventListener(event, resolve, { once: true });
      setTimeout(resolve, PAUSE); // what has happened before does not happen again
    });
  }
}

export function unpackFlow(buffer) {
  const [length, rows, columns, cell] = new Int32Array(buffer, 0, 4);
  return { length, rows, columns, cell, data: new Float32Array(buffer, 16) };
}

function drawFlow(canvas, side, flow, frame) {
  const zoom = 4; // arrows finer than the clip's pixels
  Object.assign(canvas, { width: side.width * zoom, height: side.height * zoom });
  const pen = canvas.getContext("2d");
  pen.scale(zoom, zoom);
  pen.lineWidth = side.width / 250;
  const start = Math.min(frame, flow.length - 1) * flow.rows * flow.columns * 2;
  for (let row = 0; row < flow.rows; row++) {
    for (let column = 0; column < flow.columns; column++) {
      const at = start + 2 * (row * flow.columns + column);
      const [u, v] = [flow.data[at], flow.data[at + 1]];
      const speed = Math.hypot(u, v);
      if (speed < 0.15) continue; // [px per frame] nothing that could be seen
      arrow(pen, flow.cell * column + Math.floor(flow.cell / 2) + 0.5, flow.cell * row + Math.floor(flow.cell / 2) + 0.5, u, v, speed);
    }
  }
}

function arrow(pen, x, y, u, v, speed) {
  const head = Math.min(0.35 * speed, 2);
  const turn = Math.atan2(v, u);
  pen.strokeStyle = `hsl(${(turn * 180) / Math.PI + 180} 95% 60%)`;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + u, y + v);
  for (const side of [-0.5, 0.5]) {
    pen.moveTo(x + u, y + v);
    pen.lineTo(x + u - head * Math.cos(turn + side), y + v - head * Math.sin(turn + side));
  }
  pen.stroke();
}

// Draws the curve of plausibility over the frames, and returns it in words.
function drawScores(canvas, scores, frame) {
  const [width, height] = [640, 120];
  Object.assign(canvas, { width, height });
  const colour = getComputedStyle(canvas);
  const pen = canvas.getContext("2d");
  const count = scores.per_frame.length;
  const x = (place) => (width * (place + 0.5)) / count;
  pen.fillStyle = colour.getPropertyValue("--line");
  pen.fillRect(x(frame) - 2, 0, 4, height);
  pen.strokeStyle = colour.getPropertyValue("--accent");
  pen.lineWidth = 3;
  pen.beginPath();
  scores.per_frame.forEach((value, place) => {
    if (value !== null) pen.lineTo(x(place), height - 4 - (value / 100) * (height - 8));
  });
  pen.stroke();
  const here = scores.per_frame[Math.min(frame, count - 1)];
  const gate = scores.gate ? ` (${scores.gate})` : "";
  return `plausibility ${scores.plausibility.toFixed(0)} of 100${gate}, in this frame ${here === null ? "not measured" : here.toFixed(0)}`;
}
