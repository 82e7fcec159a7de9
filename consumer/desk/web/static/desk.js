// Brings the parts of a page that change up to date. Every page works without it.
"use strict";

const EVERY_MS = 2000;

/** Replaces the content of `live` by what its address gives; the server has escaped it. */
async function refresh(live) {
  const response = await fetch(live.dataset.live, { credentials: "same-origin" });
  if (response.status === 401) {
    location.reload();
  } else if (response.ok) {
    const html = await response.text();
    if (html !== live.dataset.last) {
      live.innerHTML = html;
    }
    live.dataset.last = html;
  }
  document.body.classList.toggle("stale", !response.ok);
}

/** Whether somebody reads or uses the part right now, so that it should stay as it is. */
function isInUse(live) {
  const selection = document.getSelection();
  const selects = selection && !selection.isCollapsed && live.contains(selection.anchorNode);
  return selects || live.contains(document.activeElement) || live.matches(":hover");
}

function follow(live) {
  const pause = document.querySelector("[data-pause]");
  pause?.removeAttribute("hidden");
  pause?.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
  });
  setInterval(() => {
    if (!document.hidden && pause?.getAttribute("aria-pressed") !== "true" && !isInUse(live)) {
      refresh(live).catch(() => document.body.classList.add("stale"));
    }
  }, EVERY_MS);
}

document.querySelectorAll("[data-live]").forEach(follow);
