/**
 * Uploading files: a record is made at the portal for each, its bytes go straight to the image service, resumably. What
 * was begun is remembered in this browser, so that a file chosen again after a reload goes on where it stopped. Two at
 * a time; the others wait for their turn.
 */
const atOnce = 2;

const units = ["B", "KiB", "MiB", "GiB", "TiB"];
const size = (bytes) => {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
};
const duration = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
};
/** Speed over the last seconds, so that it follows the network and does not jump. */
const speedometer = () => {
  const samples = [];
  return (bytes) => {
    const now = performance.now();
    samples.push({ now, bytes });
    while (samples.length > 2 && now - samples[0].now > 5_000) samples.shift();
    const [first] = samples;
    return now > first.now ? ((bytes - first.bytes) / (now - first.now)) * 1000 : 0;
  };
};

/**
 * What was begun and has not ended, by the file it was: `{ page, again, name }`. A browser that keeps nothing remembers
 * nothing.
 */
const memory = (place) => {
  const prefix = `nano.upload ${place} `;
  const keyOf = (file) => `${prefix}${file.name} ${file.size} ${file.lastModified}`;
  const attempt = (work) => {
    try {
      return work();
    } catch {
      return undefined;
    }
  };
  return {
    find: (file) => attempt(() => JSON.parse(localStorage.getItem(keyOf(file)))) ?? undefined,
    keep: (file, record) => attempt(() => localStorage.setItem(keyOf(file), JSON.stringify(record))),
    forget: (file) => attempt(() => localStorage.removeItem(keyOf(file))),
    names: () =>
      attempt(() =>
        Object.keys(localStorage)
          .filter((key) => key.startsWith(prefix))
          .map((key) => JSON.parse(localStorage.getItem(key)).file),
      ) ?? [],
  };
};

const nameOf = (file) =>
  file.name
    .replace(/\.(gz|xz|zst|bz2)$/i, "")
    .replace(/\.(qcow2|img|iso|raw|vmdk|vdi|vhdx|vhd)$/i, "")
    .slice(0, 128);
const bytesOf = async (file, from, to) => [...new Uint8Array(await file.slice(from, to).arrayBuffer())];
/** Of a compressed file only the image service can tell. */
const packed = [
  [0x1f, 0x8b],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0x42, 0x5a, 0x68],
];
/** ECMA-119: the volume descriptor in sector 16. One that cannot be read is told of later. */
export const isIso = async (file) => {
  try {
    const head = await bytesOf(file, 0, 6);
    if (packed.some((magic) => magic.every((byte, index) => head[index] === byte))) return true;
    return String.fromCharCode(...(await bytesOf(file, 32_769, 32_774))) === "CD001";
  } catch {
    return true;
  }
};
const wordsOf = (error) => [error.message, error.remedy].filter(Boolean).join(". ");

export const mount = (root) => {
  const part = (name) => root.querySelector(`[data-upload="${name}"]`);
  const form = part("form");
  const input = part("file");
  const rows = part("rows");
  const text = rows.dataset;
  const loading = import(root.dataset.resumable);
  /** Of a record that is there already, whose file is being sent or sent again. */
  const { again, page } = root.dataset;
  const known = memory(again ?? new URL(form.action).pathname);
  let files = [];
  /** Records that went with the wrong file sent for them: the form's key has made one already. */
  let forgotten = 0;

  const ask = async (path, fields) => {
    const response = await fetch(path, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(fields),
    });
    const body = await response.json().catch(() => ({}));
    if (response.ok) return body;
    const { message, remedy } = body.error ?? {};
    const { Refused } = await loading;
    throw Object.assign(new Refused(message ?? `HTTP ${response.status}`), { remedy, status: response.status });
  };

  const choose = (chosen) => {
    files = [...chosen];
    const [first] = files;
    if (!first) return;
    const label = part("file-name");
    const total = files.reduce((sum, file) => sum + file.size, 0);
    if (label)
      label.textContent =
        files.length === 1
          ? `${first.name} · ${size(total)}`
          : `${files.map(({ name }) => name).join(", ")} · ${size(total)}`;
    // Several files have their own names, and their own checksums.
    for (const field of form.querySelectorAll('[name="name"], [name="sha256"]')) {
      field.closest(".field").hidden = files.length > 1;
      field.disabled = files.length > 1;
    }
    const name = form.querySelector('[name="name"]');
    if (name && name.value === "") name.value = nameOf(first);
    part("goes-on")?.toggleAttribute("hidden", !files.some(known.find));
  };

  /** The record that the file fills: the one that was begun with it before, or a new one. */
  const begin = async (file, index) => {
    const before = again ? { again, page } : known.find(file);
    if (before) {
      try {
        return { ...before, ...(await ask(before.again, [])) };
      } catch (error) {
        // Deleted, or stored meanwhile: what is chosen now is a new one.
        if (again || !(error.status === 404 || error.status === 409)) throw error;
        known.forget(file);
      }
    }
    const fields = new FormData(form);
    if (files.length > 1) {
      fields.set("name", nameOf(file));
      fields.set("key", `${fields.get("key")}-${index}`);
    }
    if (forgotten > 0) fields.set("key", `${fields.get("key")}-again-${forgotten}`);
    const record = await ask(form.action, [...fields, ["bytes", String(file.size)]]);
    known.keep(file, { page: record.page, again: record.again, file: file.name });
    return record;
  };

  const addRow = (file) => {
    const row = part("row").content.firstElementChild.cloneNode(true);
    const piece = (name) => row.querySelector(`[data-row="${name}"]`);
    rows.append(row);
    piece("name").textContent = file.name;
    let upload;
    let record;
    let speed;

    const say = (state, message) => {
      row.dataset.state = state;
      const words = text[`text${state[0].toUpperCase()}${state.slice(1)}`] ?? "";
      piece("status").textContent = [words, message].filter(Boolean).join(" ");
      piece("pause").hidden = !["sending", "waiting", "turn"].includes(state);
      piece("resume").hidden = state !== "paused";
      piece("again").hidden = state !== "failed";
      piece("give-up").hidden = record === undefined || state === "checking" || state === "done";
      if (state !== "sending") piece("speed").textContent = "";
      if (state !== "sending") piece("left").textContent = "";
      if (state === "failed") piece("bar").parentElement.hidden = true;
    };
    const show = (loaded, total) => {
      const rate = speed(loaded);
      const percent = total > 0 ? (loaded / total) * 100 : 0;
      piece("bar").value = percent;
      piece("percent").textContent = `${Math.floor(percent)} %`;
      piece("bytes").textContent = `${size(loaded)} / ${size(total)}`;
      piece("speed").textContent = rate > 0 ? `${size(rate)}/s` : "";
      piece("left").textContent =
        rate > 0 && loaded < total ? `${duration((total - loaded) / rate)} ${text.textLeft}` : "";
    };
    const self = {
      say,
      get isSending() {
        return upload?.isSending ?? false;
      },
      /** @returns the record's page when the file is stored, undefined when it is not (yet) */
      async work(index) {
        speed = speedometer();
        piece("bar").parentElement.hidden = false;
        try {
          // Before there is a record: nothing would be left of it but a failure.
          if (text.textNotIso && !(await isIso(file))) throw new Error(text.textNotIso);
          record ??= await begin(file, index);
          piece("give-up").href = `${record.page}/delete`;
          let fresh = record.ticket && { url: record.url, ticket: record.ticket };
          record = { ...record, ticket: undefined };
          const { createUpload } = await loading;
          upload = createUpload(file, {
            texts: { gone: text.textGone, other: text.textOther, unreadable: text.textUnreadable },
            onProgress: show,
            onState: (state) => say(state),
            renew: async () => {
              const first = fresh;
              fresh = undefined;
              return first ?? (await ask(record.again, []));
            },
          });
          if (!(await upload.run())) return undefined;
          known.forget(file);
          say("done");
          const link = document.createElement("a");
          link.href = record.page;
          link.textContent = file.name;
          piece("name").replaceChildren(link);
          return record.page;
        } catch (error) {
          if (error.forgotten) {
            // What is chosen next is a new record's.
            record = undefined;
            known.forget(file);
            forgotten++;
          }
          if (record === undefined && all.length === 1) complain(wordsOf(error));
          else say("failed", wordsOf(error));
          return undefined;
        }
      },
    };
    piece("pause").addEventListener("click", () => {
      if (upload) upload.pause();
      else {
        queue.delete(self);
        say("paused");
      }
    });
    for (const name of ["resume", "again"]) piece(name).addEventListener("click", () => enqueue(self));
    piece("give-up").addEventListener("click", () => upload?.pause());
    return self;
  };

  /** There is no record yet: the form can be corrected. */
  const complain = (message) => {
    const box = document.createElement("div");
    box.className = "notice notice-bad";
    box.textContent = message;
    part("error").replaceChildren(box);
    part("actions").hidden = false;
    part("fields").hidden = false;
    rows.hidden = true;
  };

  const queue = new Set();
  const busy = new Set();
  const all = [];
  const enqueue = (row) => {
    row.say("turn");
    queue.add(row);
    void next();
  };
  const next = async () => {
    const [row] = queue;
    if (!row || busy.size >= atOnce) return;
    queue.delete(row);
    busy.add(row);
    const stored = await row.work(all.indexOf(row));
    busy.delete(row);
    // Whoever went on to another page meanwhile is left there.
    if (stored && all.length === 1 && root.isConnected) location.assign(stored);
    else void next();
  };

  input.addEventListener("change", () => choose(input.files));
  const drop = part("drop");
  for (const name of ["dragover", "dragenter"])
    drop?.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("drop-over");
    });
  for (const name of ["dragleave", "drop"]) drop?.addEventListener(name, () => drop.classList.remove("drop-over"));
  drop?.addEventListener("drop", (event) => {
    event.preventDefault();
    choose(event.dataTransfer.files);
  });
  const unfinished = known.names();
  if (unfinished.length > 0 && part("unfinished")) {
    part("unfinished-names").textContent = unfinished.join(", ");
    part("unfinished").hidden = false;
  }

  // Chosen while this script was on its way.
  if (input.files.length > 0) choose(input.files);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    part("error").textContent = "";
    if (files.length === 0) {
      input.click();
      return;
    }
    part("actions").hidden = true;
    part("fields").hidden = true;
    rows.hidden = false;
    rows.replaceChildren();
    all.splice(0);
    for (const file of files) all.push(addRow(file));
    for (const row of all) enqueue(row);
  });
  addEventListener("beforeunload", (event) => {
    if (all.some(({ isSending }) => isSending)) event.preventDefault();
  });
};
