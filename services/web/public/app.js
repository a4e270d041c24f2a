/**
 * What the portal's pages do beyond links and forms. Nothing here is needed to use them: it makes them pleasant. No
 * state of its own; everything hangs on attributes that the server wrote.
 */
document.documentElement.classList.add("js");

const language = document.documentElement.lang;

// --- times: UTC from the server, the viewer's own zone here
// ------------------------------------------------------------
const absolute = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const spans = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];
const ago = (date) => {
  const seconds = Math.round((date.getTime() - Date.now()) / 1000);
  for (const [unit, length] of spans)
    if (Math.abs(seconds) >= length || unit === "second") return relative.format(Math.trunc(seconds / length), unit);
  return "";
};
const showTimes = (root) => {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    const full = absolute.format(date);
    const text = time.hasAttribute("data-relative") ? ago(date) : full;
    if (time.textContent !== text) time.textContent = text;
    if (time.title !== full) time.title = full;
  }
};
setInterval(() => document.hidden || showTimes(document), 20_000);

/**
 * A screen's picture is taken again every few seconds while someone looks and live refresh is on; the old one stays
 * until the new one is there.
 */
const freshenScreens = () => {
  if (document.hidden || !document.getElementById("live")) return;
  for (const image of document.querySelectorAll("img[data-screen]")) {
    const address = new URL(image.src);
    address.searchParams.set("v", String(Date.now()));
    const next = new Image();
    next.addEventListener("load", () => {
      if (image.isConnected) image.src = next.src;
    });
    next.src = address.href;
  }
};
setInterval(freshenScreens, 5_000);

/** What is measured all the time, and told by no event, is looked at again every 10 s, under the same conditions. */
setInterval(() => {
  if (!document.hidden && document.getElementById("live")) document.body.dispatchEvent(new CustomEvent("nano:clock"));
}, 10_000);

// --- what a fresh part of a page needs
// --------------------------------------------------------------------------------
const mounted = new WeakSet();
const prepare = (root) => {
  showTimes(root);
  // Modules run once in a document, pages come and go: so each part is mounted, once, by name.
  for (const part of root.querySelectorAll("[data-module]")) {
    if (mounted.has(part)) continue;
    mounted.add(part);
    void import(part.dataset.module).then(({ mount }) => mount(part));
  }
  for (const log of root.querySelectorAll("[data-bottom]")) log.scrollTop = log.scrollHeight;
};

/** Toasts leave by themselves; those that report a failure or follow a task stay longer. */
const watchToasts = () => {
  for (const toast of document.querySelectorAll("#toasts > :not([data-timed])")) {
    toast.dataset.timed = "";
    const patience = toast.dataset.toast === "failed" ? 20_000 : toast.querySelector("a") ? 12_000 : 5_000;
    const leave = () => (toast.matches(":hover, :focus-within") ? setTimeout(leave, 2_000) : toast.remove());
    setTimeout(leave, patience);
  }
};

// --- copy, presets, select all, dialogs
// -------------------------------------------------------------------------------
const flash = (button) => {
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1_200);
};
const copy = async (button) => {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS there is no clipboard API: the old way.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "sr";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  flash(button);
};
const dialog = () => document.getElementById("dialog");

const setPreset = (button) => {
  const input = document.getElementById(button.dataset.set);
  input.value = button.dataset.value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const markPresets = (input) => {
  for (const preset of document.querySelectorAll(`[data-set="${CSS.escape(input.id)}"]`))
    preset.setAttribute("aria-pressed", String(preset.dataset.value === input.value));
};
const countSelected = () => {
  const boxes = document.querySelectorAll('input[name="id"][form="bulk"]:checked');
  const label = document.querySelector("[data-selected]");
  if (!label) return;
  label.dataset.text ??= label.textContent;
  label.textContent = boxes.length > 0 ? `${label.dataset.text} (${boxes.length})` : label.dataset.text;
};

document.addEventListener(
  "click",
  (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const copying = target?.closest("[data-copy]");
    if (copying) void copy(copying);
    const preset = target?.closest("[data-set]");
    if (preset) setPreset(preset);
    const close = target?.closest("[data-close]");
    if (close) close.closest("[data-toast]")?.remove();
    const dismiss = target?.closest("[data-dismiss]");
    if (dismiss && dialog()?.open && dialog().contains(dismiss)) {
      event.preventDefault();
      event.stopPropagation();
      dialog().close();
    }
    if (target === dialog()) dialog().close();
    for (const menu of document.querySelectorAll("details.menu[open]"))
      if (!menu.contains(target)) menu.removeAttribute("open");
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape")
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.removeAttribute("open");
      menu.querySelector("summary")?.focus();
    }
  // "/" goes to the page's search, as in many consoles.
  if (event.key === "/" && !event.target.closest?.("input, textarea, select, [contenteditable], canvas")) {
    const search = document.querySelector('#main input[type="search"]');
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
});

document.addEventListener("input", (event) => {
  const input = event.target;
  if (input.matches?.('input[type="number"]')) markPresets(input);
  if (input.matches?.('input[name="id"][form="bulk"]')) countSelected();
  if (input.matches?.("[data-select-all]")) {
    for (const box of document.querySelectorAll('input[name="id"][form="bulk"]')) box.checked = input.checked;
    countSelected();
  }
  // A disk made from an image is at least as large as the image.
  if (input.matches?.('select[name="image"]')) {
    const minimum = Number(input.selectedOptions[0]?.dataset.minimum ?? 1);
    const size = document.getElementById("field-systemGiB");
    if (size) {
      size.min = String(minimum);
      if (Number(size.value) < minimum) {
        size.value = String(minimum);
        markPresets(size);
      }
    }
  }
});

/** The first field that does not fit, in sight and ready to be typed into. */
const goTo = (field) => {
  const input = field?.matches("input, textarea, select") ? field : field?.querySelector("input, textarea, select");
  for (
    let fold = input?.closest("details:not([open])");
    fold;
    fold = fold.parentElement?.closest("details:not([open])")
  )
    fold.open = true;
  input?.focus({ preventScroll: true });
  field?.closest(".field, .options, .disks")?.scrollIntoView({ block: "center" });
};
const showProblem = () => goTo(document.querySelector("#main .field-bad [aria-invalid], #main .field-bad input"));
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest(".problem-list a") : null;
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  goTo(field);
});

// --- htmx
// -------------------------------------------------------------------------------------------------------------
document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = event.detail;
  const main = document.getElementById("main");
  // The question was fetched: ask it.
  if (ctx?.sourceElement?.matches?.("[data-dialog]") && ctx.response?.status < 500) {
    if (!dialog().open) dialog().showModal();
  }
  // A new page: the reader is at its beginning, for eyes and ears alike.
  if (ctx?.sourceElement?._htmx?.boosted || ctx?.target?.id === "page") {
    if (dialog()?.open) dialog().close();
    if (!document.activeElement || document.activeElement === document.body) main?.focus({ preventScroll: true });
    showProblem();
  }
  prepare(document);
  watchToasts();
});
/** A menu that a person opened stays open when the part of the page around it is refreshed. */
window.htmx?.registerExtension("nano", {
  htmx_before_morph_attr: (element, detail) => !(detail.attrName === "open" && element.tagName === "DETAILS"),
});

prepare(document);
watchToasts();
showProblem();
