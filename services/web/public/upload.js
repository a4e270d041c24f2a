/**
 * Uploading with progress: the record is made at the portal, its bytes go straight to the image service by XMLHttpRequest (fetch reports no upload
 * progress). A broken upload can be repeated with a new ticket without typing anything again.
 */
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

/** Sends the file. Resolves when the image service has verified and stored it; rejects with what it said. */
const send = ({ url, ticket }, file, onProgress, keep) =>
  new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    keep(request);
    request.open("PUT", url);
    request.setRequestHeader("Authorization", `Bearer ${ticket}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) return done();
      let said = {};
      try {
        said = JSON.parse(request.responseText);
      } catch {
        // Not a problem document: a proxy's page, most likely.
      }
      failed(new Error([said.detail ?? said.title ?? `HTTP ${request.status}`, said.remedy].filter(Boolean).join(" ")));
    });
    request.addEventListener("error", () => failed(new Error("")));
    request.addEventListener("abort", () => failed(new Error("")));
    request.send(file);
  });

export const mount = (root) => {
  const part = (name) => root.querySelector(`[data-upload="${name}"]`);
  const form = part("form");
  const input = part("file");
  const drop = part("drop");
  const progress = part("progress");
  const text = progress.dataset;
  let file;
  let record;
  let request;

  const choose = (chosen) => {
    file = chosen;
    if (!file) return;
    part("file-name").textContent = `${file.name} · ${size(file.size)}`;
    const name = form.querySelector('[name="name"]');
    if (name.value === "") name.value = file.name.replace(/\.(qcow2|img|iso)$/i, "").slice(0, 128);
  };
  const complain = (message) => {
    part("status").textContent = message ? `${text.textFailed} ${message}` : text.textFailed;
    part("again").hidden = false;
  };
  const show = (speed) => (loaded, total) => {
    const percent = total > 0 ? (loaded / total) * 100 : 0;
    const rate = speed(loaded);
    part("bar").value = percent;
    part("percent").textContent = `${percent.toFixed(0)} %`;
    part("bytes").textContent = `${size(loaded)} / ${size(total)}`;
    part("speed").textContent = rate > 0 ? `${size(rate)}/s` : "";
    part("left").textContent =
      rate > 0 && loaded < total ? `${duration((total - loaded) / rate)} ${text.textLeft}` : "";
    part("status").textContent = loaded < total ? text.textSending : text.textChecking;
  };
  const upload = async (ticket) => {
    progress.hidden = false;
    part("again").hidden = true;
    part("actions").hidden = true;
    try {
      await send(ticket, file, show(speedometer()), (made) => {
        request = made;
      });
      location.assign(record.page);
    } catch (error) {
      complain(error.message);
    }
  };
  const ask = async (path, fields) => {
    const response = await fetch(path, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(fields),
    });
    const body = await response.json().catch(() => ({}));
    if (response.ok) return body;
    throw Object.assign(new Error(body.error?.message ?? `HTTP ${response.status}`), { remedy: body.error?.remedy });
  };

  input.addEventListener("change", () => choose(input.files[0]));
  for (const name of ["dragover", "dragenter"])
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("drop-over");
    });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("drop-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    choose(event.dataTransfer.files[0]);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const note = part("error");
    note.textContent = "";
    if (!file) {
      input.click();
      return;
    }
    try {
      record = await ask(form.action, [...new FormData(form)].concat([["bytes", String(file.size)]]));
    } catch (error) {
      const box = document.createElement("div");
      box.className = "notice notice-bad";
      box.textContent = [error.message, error.remedy].filter(Boolean).join(" ");
      note.replaceChildren(box);
      return;
    }
    await upload(record);
  });
  part("again").addEventListener("click", async () => {
    try {
      await upload(await ask(record.again, []));
    } catch (error) {
      complain(error.message);
    }
  });
  part("cancel").addEventListener("click", () => {
    request?.abort();
    part("actions").hidden = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (request && request.readyState > 0 && request.readyState < 4) event.preventDefault();
  });
};
