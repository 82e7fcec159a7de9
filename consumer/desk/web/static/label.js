// Selects whole words of the text by keyboard and mouse. The forms of the page work without it.
"use strict";

const form = document.getElementById("label");
const box = document.getElementById("words");

if (form && box) {
  const words = [...box.querySelectorAll("span[data-s]")];
  const chosen = document.getElementById("chosen");
  const given = chosen.textContent;
  const save = form.querySelector("[data-scripted]");
  const accept = form.querySelector("[value=accepted]");
  const hasCandidate = !accept.disabled;
  // Numbers of words: where the selection began, and where it is now. -1: nothing is selected.
  let anchor = -1;
  let head = -1;

  const first = () => Math.min(anchor, head);
  const last = () => Math.max(anchor, head);

  function show() {
    words.forEach((word, number) => word.classList.toggle("selected", anchor >= 0 && number >= first() && number <= last()));
    save.hidden = anchor < 0;
    // With other words selected, "right" could be meant of either.
    accept.disabled = !hasCandidate || anchor >= 0;
    accept.classList.toggle("primary", anchor < 0);
    form.querySelector(".chosen .confidence")?.toggleAttribute("hidden", anchor >= 0);
    save.classList.toggle("primary", anchor >= 0);
    form.elements.char_start.value = anchor < 0 ? "" : words[first()].dataset.s;
    form.elements.char_end.value = anchor < 0 ? "" : words[last()].dataset.e;
    if (anchor < 0) {
      CSS.highlights?.delete("selection");
      chosen.textContent = given;
      return;
    }
    const range = document.createRange();
    range.setStartBefore(words[first()]);
    range.setEndAfter(words[last()]);
    if (window.Highlight) {
      CSS.highlights.set("selection", new Highlight(range));
    }
    chosen.textContent = range.toString();
    words[head].scrollIntoView({ block: "nearest" });
  }

  function select(number, extends_) {
    head = Math.max(0, Math.min(words.length - 1, number));
    if (!extends_ || anchor < 0) {
      anchor = head;
    }
    show();
  }

  function clear() {
    anchor = head = -1;
    show();
  }

  /** Where the keys begin: the candidate's first word, or the first word that is seen. */
  function beginning() {
    const candidate = words.findIndex((word) => word.classList.contains("candidate"));
    return candidate >= 0 ? candidate : 0;
  }

  /** The word above (-1) or below (1) that is nearest to this one. */
  function inNextLine(number, step) {
    const here = words[number].getBoundingClientRect();
    let best = number;
    let distance = Infinity;
    let line = null;
    for (let other = number + step; other >= 0 && other < words.length; other += step) {
      const there = words[other].getBoundingClientRect();
      if (Math.abs(there.top - here.top) < here.height / 2) {
        continue;
      }
      line ??= there.top;
      if (Math.abs(there.top - line) > here.height / 2) {
        break;
      }
      if (Math.abs(there.left - here.left) < distance) {
        distance = Math.abs(there.left - here.left);
        best = other;
      }
    }
    return best;
  }

  function move(event) {
    const at = head < 0 ? beginning() : head;
    const begins = head < 0;
    const isRtl = getComputedStyle(box).direction === "rtl";
    const targets = {
      ArrowRight: () => at + (isRtl ? -1 : 1),
      ArrowLeft: () => at + (isRtl ? 1 : -1),
      ArrowDown: () => inNextLine(at, 1),
      ArrowUp: () => inNextLine(at, -1),
    };
    const target = targets[event.key];
    if (!target || !words.length) {
      return false;
    }
    select(begins && !event.shiftKey ? at : target(), event.shiftKey);
    return true;
  }

  function press(key) {
    const target = [...form.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
    if (!target || target.disabled || target.hidden) {
      return false;
    }
    target.click();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    const inField = event.target.matches("input, textarea, select");
    if (event.ctrlKey || event.metaKey || event.altKey || inField) {
      return;
    }
    const onControl = event.target.closest("button, a, summary");
    if (event.key === "Escape") {
      clear();
    } else if (event.key === "Enter" && onControl) {
      return;
    } else if (!move(event) && !press(event.key.toLowerCase())) {
      return;
    }
    event.preventDefault();
  });

  box.addEventListener("mouseup", () => {
    const selection = document.getSelection();
    if (!selection.rangeCount) {
      return;
    }
    const range = selection.getRangeAt(0);
    const touched = words.flatMap((word, number) => {
      const inner = document.createRange();
      inner.selectNodeContents(word);
      const begins = range.compareBoundaryPoints(Range.END_TO_START, inner) < 0;
      const ends = range.compareBoundaryPoints(Range.START_TO_END, inner) > 0;
      return begins && ends ? [number] : [];
    });
    selection.removeAllRanges();
    if (touched.length) {
      anchor = touched[0];
      head = touched[touched.length - 1];
      show();
    }
  });

  // A verdict is given once, however long the answer takes.
  form.addEventListener("submit", () => {
    setTimeout(() => form.querySelectorAll("button").forEach((button) => (button.disabled = true)));
  });

  box.focus({ preventScroll: true });
  const candidate = box.querySelector(".candidate");
  if (candidate) {
    box.scrollTop = candidate.offsetTop - box.offsetTop - box.clientHeight / 3;
  }
}
