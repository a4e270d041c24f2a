/**
 * The serial console page: xterm.js on an element, a fresh ticket for each connection. A lost connection is made again,
 * ever more patiently; who finds the console taken waits, or takes it over.
 */
const firstRetryMs = 1_000;
const lastRetryMs = 15_000;
/** A paste goes out in pieces: the guest's port is slow, and a message has a limit. */
const pieceBytes = 4_096;

/**
 * xterm.js makes `<style>` elements and `style` attributes, which our content security policy forbids. While a terminal
 * is shown, this document makes constructed style sheets of the former and sets the latter as properties: neither needs
 * a permission, and the policy stays as it is.
 */
class Sheet extends HTMLElement {
  #sheet = new CSSStyleSheet();
  set textContent(text) {
    this.#sheet.replaceSync(text);
  }
  connectedCallback() {
    this.hidden = true;
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.#sheet];
  }
  disconnectedCallback() {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== this.#sheet);
  }
}
if (!customElements.get("nano-sheet")) customElements.define("nano-sheet", Sheet);
const element = (name, options) => Document.prototype.createElement.call(document, name, options);
const create = (name, options) => {
  if (name === "style") return element("nano-sheet");
  const made = element(name, options);
  if (name === "span")
    made.setAttribute = (attribute, value) => {
      if (attribute === "style") made.style.cssText = value;
      else Element.prototype.setAttribute.call(made, attribute, value);
    };
  return made;
};

const askTicket = async (path, takeOver) => {
  const body = new URLSearchParams(takeOver ? { takeOver: "yes" } : {});
  const response = await fetch(path, { method: "POST", headers: { Accept: "application/json" }, body });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer.ticket;
  throw new Error(answer.error?.message ?? `HTTP ${response.status}`);
};

export const mount = async (root) => {
  const part = (name) => root.querySelector(`[data-console="${name}"]`);
  const place = part("screen");
  const link = part("state");
  const takeOver = part("take-over");
  const copying = part("copy");
  const [{ Terminal }, { FitAddon }] = await Promise.all([import(root.dataset.xterm), import(root.dataset.fit)]);
  document.createElement = create;
  const terminal = new Terminal({
    cursorBlink: true,
    fontSize: 14,
    fontFamily: "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
    scrollback: 5_000,
    screenReaderMode: false,
    theme: { background: "#0b0c0e", foreground: "#e6e8ea", cursor: "#e6e8ea" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(place);
  const resize = () => root.isConnected && fit.fit();
  resize();
  const watcher = new ResizeObserver(resize);
  watcher.observe(place);

  const encoder = new TextEncoder();
  let socket;
  let retryMs = firstRetryMs;
  let timer;
  let generation = 0;

  const say = (state, text) => {
    root.dataset.state = state;
    link.textContent = text;
    takeOver.hidden = state !== "taken";
  };
  const leave = () => {
    generation++;
    clearTimeout(timer);
    socket?.close();
    socket = undefined;
  };
  const again = (force = false) => {
    clearTimeout(timer);
    timer = setTimeout(() => (root.isConnected ? connect(force) : leave()), retryMs);
    retryMs = Math.min(retryMs * 2, lastRetryMs);
  };
  const connect = async (force) => {
    leave();
    const mine = generation;
    say("connecting", root.dataset.textConnecting);
    let ticket;
    try {
      ticket = await askTicket(root.dataset.ticket, force);
    } catch (error) {
      if (mine !== generation) return;
      say("refused", `${root.dataset.textRefused}: ${error.message}`);
      again();
      return;
    }
    if (mine !== generation) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const made = new WebSocket(`${scheme}//${location.host}/console/socket`, ["binary", `ticket.${ticket}`]);
    made.binaryType = "arraybuffer";
    socket = made;
    made.addEventListener("open", () => {
      if (mine !== generation) return;
      say("connected", root.dataset.textConnected);
      terminal.focus();
    });
    made.addEventListener("message", ({ data }) => {
      // What the port says proves that it is ours.
      retryMs = firstRetryMs;
      terminal.write(new Uint8Array(data));
    });
    made.addEventListener("close", ({ code, reason }) => {
      if (mine !== generation) return;
      socket = undefined;
      if (!root.isConnected) return;
      if (reason.includes("console-in-use")) say("taken", root.dataset.textTaken);
      else say("lost", root.dataset.textLost);
      // 1013, try again later: the cell did not come. Then the console was not taken over yet, and still is to be.
      again(force && code === 1013);
    });
  };
  const send = (bytes) => {
    if (socket?.readyState !== WebSocket.OPEN) return;
    for (let from = 0; from < bytes.length; from += pieceBytes) socket.send(bytes.slice(from, from + pieceBytes));
  };
  terminal.onData((text) => send(encoder.encode(text)));
  terminal.onBinary((text) => send(Uint8Array.from(text, (character) => character.charCodeAt(0))));
  terminal.onSelectionChange(() => {
    copying.dataset.copy = terminal.getSelection();
    copying.disabled = !terminal.hasSelection();
  });

  part("reconnect").addEventListener("click", () => {
    retryMs = firstRetryMs;
    void connect(false);
  });
  takeOver.addEventListener("click", () => {
    retryMs = firstRetryMs;
    void connect(true);
  });
  part("clear").addEventListener("click", () => terminal.clear());
  part("fullscreen").addEventListener("click", () =>
    document.fullscreenElement ? document.exitFullscreen() : place.requestFullscreen(),
  );
  const pasteForm = part("paste-form");
  part("paste").addEventListener("click", () => {
    pasteForm.hidden = !pasteForm.hidden;
    if (!pasteForm.hidden) pasteForm.querySelector("textarea").focus();
  });
  pasteForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const area = pasteForm.querySelector("textarea");
    terminal.paste(area.value);
    area.value = "";
    pasteForm.hidden = true;
    terminal.focus();
  });
  // Leaving the page within the portal leaves the console.
  document.addEventListener("htmx:after:swap", () => {
    if (root.isConnected) return;
    leave();
    watcher.disconnect();
    terminal.dispose();
    delete document.createElement;
  });
  void connect(false);
};
