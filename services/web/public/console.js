/**
 * The console page: noVNC on an element, a fresh ticket for each connection, and the toolbar. A lost connection is made
 * again, ever more patiently, for as long as the page is open.
 */
const keys = { shift: 0xffe1, altGr: 0xffea, backspace: 0xff08, enter: 0xff0d, tab: 0xff09 };
const firstRetryMs = 1_000;
const lastRetryMs = 15_000;
/** Between typed characters: a guest's keyboard controller has a small queue. */
const typingMs = 8;

/**
 * X11 keysym of a character: Latin-1 is itself, the rest of Unicode has its own range (X Window System Protocol,
 * appendix A).
 */
const keysymOf = (character) => {
  const code = character.codePointAt(0);
  if (character === "\n") return keys.enter;
  if (character === "\t") return keys.tab;
  return code <= 0xff ? code : 0x1000000 | code;
};
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
  link.textContent = root.dataset.textConnecting;
  const [{ default: RFB }, { layouts, untypable }] = await Promise.all([
    import(root.dataset.novnc),
    import(root.dataset.layouts),
  ]);
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
  /**
   * As on the guest's own keyboard: the key, and what is held down with it. QEMU takes the key, others the character.
   */
  const typeText = async (text, layout) => {
    for (const character of text) {
      const key = layouts[layout].get(character);
      if (!rfb || !key) return;
      if (key.shift) rfb.sendKey(keys.shift, "ShiftLeft", true);
      if (key.altGr) rfb.sendKey(keys.altGr, "AltRight", true);
      rfb.sendKey(keysymOf(character), key.code);
      if (key.altGr) rfb.sendKey(keys.altGr, "AltRight", false);
      if (key.shift) rfb.sendKey(keys.shift, "ShiftLeft", false);
      await new Promise((done) => setTimeout(done, typingMs));
    }
  };
  const layoutChoice = root.querySelector('[name="layout"]');

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
  part("window")?.addEventListener("click", () => {
    const address = new URL(location.href);
    address.searchParams.set("window", "1");
    if (open(address, `console-${location.pathname}`, "popup,width=1100,height=820")) leave();
  });
  // A phone shows its keyboard for a field only: what is typed there goes to the guest, and nothing stays in it.
  const keyboard = part("keyboard-input");
  part("keyboard").addEventListener("click", () => keyboard.focus());
  keyboard.addEventListener("beforeinput", (event) => {
    event.preventDefault();
    if (event.inputType === "deleteContentBackward") rfb?.sendKey(keys.backspace, "Backspace");
    else if (/^insert(LineBreak|Paragraph)$/.test(event.inputType)) rfb?.sendKey(keys.enter, "Enter");
    else for (const character of event.data ?? "") rfb?.sendKey(keysymOf(character), null);
  });
  pasteForm.addEventListener("submit", async (event) => {
    event.preventDefault();
    const area = pasteForm.querySelector("textarea");
    const text = area.value.replace(/\r\n?/g, "\n");
    const problem = part("paste-problem");
    const missing = untypable(layoutChoice.value, text);
    problem.hidden = missing.length === 0;
    problem.textContent = `${problem.dataset.text} ${missing.slice(0, 20).join(" ")}`;
    // Half a password is worse than none.
    if (missing.length > 0) return;
    area.value = "";
    pasteForm.hidden = true;
    rfb?.focus();
    await typeText(text, layoutChoice.value);
  });
  // Leaving the page within the portal leaves the console.
  document.addEventListener("htmx:after:swap", () => root.isConnected || leave());
  void connect();
};
