// Starts the parts of the page: charts at once, tables when they come near the screen.

function start() {
  document.documentElement.classList.add("scripted");
  drawCharts();
  let waiting = 0;
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawCharts, 200); });
  const parts = [["problems", startProblems], ["explorer", startExplorer]];
  for (const [name, begin] of parts) {
    const host = document.getElementById(name);
    if (!host) continue;
    const once = () => {
      watch.disconnect();
      if (!host.dataset.started) { host.dataset.started = "yes"; begin(host).then(() => { host.dataset.ready = "yes"; }); }
    };
    const watch = new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) once(); }, { rootMargin: "300px" });
    watch.observe(host);
    if (name === "explorer" && location.hash.startsWith("#pair/")) once();
  }
  document.querySelectorAll("button[data-dropped]").forEach((button) => button.addEventListener("click", () => showDropped(button)));
  const dialog = document.getElementById("dialog");
  document.getElementById("dialog-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    document.getElementById("dialog-body").replaceChildren();
    if (location.hash.startsWith("#pair/")) history.replaceState(null, "", location.pathname + location.search);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
start();
