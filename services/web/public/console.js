/**
 * The console page: noVNC on an element, a fresh ticket for each connection, and the toolbar. A lost connection is made again, ever more patiently, for as
 * long as the page is open.
 */
const keys = { shift: 0xffe1, enter: 0xff0d, tab: 0xff09 };
const firstRetryMs = 1_000;
const lastRetryMs = 15_000;
/** Between typed characters: a guest's keyboard controller has a small queue. */
const typingMs = 8;

/** X11 keysym of a character: Latin-1 is itself, the rest of Unicode has its own range (X Window System Protocol, appendix A). */
const keysymOf = (character) => {
  const code = character.codePointAt(0);
  if (character === "\n") return keys.enter;
  if (character === "\t") return keys.tab;
  return code <= 0xff ? code : 0x1000000 | code;
};
const needsShift = (character) => /[A-Z~!@#$%^&*()_+{}|:"<>?]/.test(character);

const askTicket = async (path) => {
  const response = await fetch(path, { method: "POST", headers: { Accept: "application/json" } });
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new Error(body.error?.message ?? `HTTP ${response.status}`);
};

export const mount = async (root) => {
  const part = (name) => root.querySelector(`[data-console="${name}"]`);
  const screen = part("screen");
  const link = part("state");
  const { default: RFB } = await import(root.dataset.novnc);
  let rfb;
  let retryMs = firstRetryMs;
  let timer;
  let generation = 0;

  const say = (state, text) => {
    root.dataset.state = state;
    link.textContent = text;
  };
  const leave = () => {
    generation++;
    clearTimeout(timer);
    rfb?.disconnect();
    rfb = undefined;
  };
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (root.isConnected ? connect() : leave()), retryMs);
    retryMs = Math.min(retryMs * 2, lastRetryMs);
  };
  const connect = async () => {
    leave();
    const mine = generation;
    say("connecting", root.dataset.textConnecting);
    let ticket;
    try {
      ticket = await askTicket(root.dataset.ticket);
    } catch (error) {
      if (mine !== generation) return;
      say("refused", `${root.dataset.textRefused}: ${error.message}`);
      again();
      return;
    }
    if (mine !== generation) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const made = new RFB(screen, `${scheme}//${location.host}/console/socket`, {
      wsProtocols: ["binary", `ticket.${ticket.ticket}`],
      ...(ticket.password ? { credentials: { password: ticket.password } } : {}),
    });
    rfb = made;
    made.background = "#0b0c0e";
    made.scaleViewport = part("scale").getAttribute("aria-pressed") === "true";
    made.viewOnly = part("view-only").getAttribute("aria-pressed") === "true";
    made.addEventListener("connect", () => {
      retryMs = firstRetryMs;
      say("connected", root.dataset.textConnected);
      made.focus({ preventScroll: true });
    });
    made.addEventListener("securityfailure", (event) =>
      say("refused", `${root.dataset.textRefused}: ${event.detail.reason ?? ""}`),
    );
    made.addEventListener("disconnect", (event) => {
      if (mine !== generation) return;
      rfb = undefined;
      if (!root.isConnected) return;
      say("lost", event.detail.clean ? root.dataset.textEnded : root.dataset.textLost);
      again();
    });
  };

  const toggle = (button) => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    return on;
  };
  const typeText = async (text) => {
    for (const character of text.replace(/\r\n?/g, "\n")) {
      if (!rfb) return;
      const shift = needsShift(character);
      if (shift) rfb.sendKey(keys.shift, "ShiftLeft", true);
      rfb.sendKey(keysymOf(character), null);
      if (shift) rfb.sendKey(keys.shift, "ShiftLeft", false);
      await new Promise((done) => setTimeout(done, typingMs));
    }
  };

  part("ctrl-alt-del").addEventListener("click", () => rfb?.sendCtrlAltDel());
  part("reconnect").addEventListener("click", () => {
    retryMs = firstRetryMs;
    void connect();
  });
  part("scale").addEventListener("click", (event) => {
    const on = toggle(event.currentTarget);
    if (rfb) rfb.scaleViewport = on;
  });
  part("view-only").addEventListener("click", (event) => {
    const on = toggle(event.currentTarget);
    if (rfb) rfb.viewOnly = on;
  });
  part("fullscreen").addEventListener("click", () =>
    document.fullscreenElement ? document.exitFullscreen() : screen.requestFullscreen(),
  );
  const pasteForm = part("paste-form");
  part("paste").addEventListener("click", () => {
    pasteForm.hidden = !pasteForm.hidden;
    if (!pasteForm.hidden) pasteForm.querySelector("textarea").focus();
  });
  pasteForm.addEventListener("submit", async (event) => {
    event.preventDefault();
    const area = pasteForm.querySelector("textarea");
    const text = area.value;
    area.value = "";
    pasteForm.hidden = true;
    rfb?.focus();
    await typeText(text);
  });
  // Leaving the page within the portal leaves the console.
  document.addEventListener("htmx:after:swap", () => root.isConnected || leave());
  void connect();
};
