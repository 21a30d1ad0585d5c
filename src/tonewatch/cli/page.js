"use strict";
// Ties each player to its chart: the playhead follows, a click or an arrow key seeks.
for (const section of document.querySelectorAll(".recording")) {
  const audio = section.querySelector("audio");
  const slider = section.querySelector(".scroll");
  const svg = section.querySelector(".chart");
  const head = section.querySelector(".head");
  const now = section.querySelector(".now");
  const rows = section.querySelectorAll("tbody tr");
  const { duration, windows } = JSON.parse(section.querySelector(".data").textContent);
  const width = svg.viewBox.baseVal.width;
  // A position asked for before the browser knows the recording waits in `at`.
  let at = 0;

  // The window whose centre is nearest: the cell in which the chart draws it.
  function windowAt(time) {
    let best = -1, distance = Infinity;
    windows.forEach((w, i) => {
      const d = Math.abs((w.start + w.end) / 2 - time);
      if (d < distance) { best = i; distance = d; }
    });
    return best;
  }

  function clock(time) {
    const minutes = Math.floor(time / 60);
    return `${minutes}:${(time - 60 * minutes).toFixed(1).padStart(4, "0")}`;
  }

  function show(time) {
    at = time;
    head.setAttribute("transform", `translate(${(time / duration) * width} 0)`);
    const i = windowAt(time);
    const text = `${clock(time)}  ·  ${i < 0 ? "no speech" : windows[i].text}`;
    now.textContent = text;
    slider.setAttribute("aria-valuenow", time.toFixed(2));
    slider.setAttribute("aria-valuetext", text);
    rows.forEach((row, k) => row.classList.toggle("current", k === i));
  }

  function seek(time) {
    time = Math.min(Math.max(time, 0), duration);
    if (audio.readyState > 0) audio.currentTime = time;
    show(time);
  }

  function follow() {
    show(audio.currentTime);
    const x = (audio.currentTime / duration) * svg.clientWidth;
    if (x < slider.scrollLeft || x > slider.scrollLeft + slider.clientWidth - 20) {
      slider.scrollLeft = x - 40;
    }
    if (!audio.paused) requestAnimationFrame(follow);
  }

  slider.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * duration);
  });
  slider.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    if (event.key in steps) seek(at + steps[event.key]);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(duration);
    else if (event.key === " ") audio.paused ? audio.play() : audio.pause();
    else return;
    event.preventDefault();
  });
  section.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-at]");
    if (!button) return;
    const row = button.closest("tr");
    const w = windows[[...rows].indexOf(row)];
    seek((w.start + w.end) / 2);
  });
  audio.addEventListener("loadedmetadata", () => { if (at) audio.currentTime = at; });
  audio.addEventListener("play", () => requestAnimationFrame(follow));
  audio.addEventListener("seeked", () => show(audio.currentTime));
  show(0);
}
